import TensorCore

/// Images in Double in PyTorch's order, N×C×H×W: what the reference network computes with. An
/// embedding is N×C×1×1.
struct Planes {
  let n: Int
  let c: Int
  let h: Int
  let w: Int
  var values: [Double]

  init(_ n: Int, _ c: Int, _ h: Int, _ w: Int, _ values: [Double]) {
    precondition(values.count == n * c * h * w)
    (self.n, self.c, self.h, self.w) = (n, c, h, w)
    self.values = values
  }

  static func zeros(_ n: Int, _ c: Int, _ h: Int, _ w: Int) -> Planes {
    Planes(n, c, h, w, Array(repeating: 0, count: n * c * h * w))
  }

  /// Samples of N(0, 1), the same at every run and exact in float32.
  static func random(_ n: Int, _ c: Int, _ h: Int, _ w: Int, seed: UInt32) -> Planes {
    let buffer = FloatBuffer(count: n * c * h * w)
    Philox(seed: 1234, stream: seed).fillNormal(buffer.all, step: 0, image: 0)
    return Planes(n, c, h, w, buffer.all.doubles)
  }

  /// From a tensor, N×H×W×C.
  init(_ tensor: Tensor) {
    let s = tensor.shape
    self = .zeros(s.n, s.c, s.h, s.w)
    let elements = tensor.doubles
    var planes = values
    forEachIndex { plane, element in planes[plane] = elements[element] }
    values = planes
  }

  /// In a tensor's order, N×H×W×C.
  func copy(to tensor: Tensor) {
    precondition(tensor.shape == shape)
    forEachIndex { plane, element in unsafe tensor.elements[element] = Float(values[plane]) }
  }

  var shape: Shape { Shape(n, h, w, c) }

  /// The same extents with other values.
  func with(_ values: [Double]) -> Planes { Planes(n, c, h, w, values) }

  func map(_ transform: (Double) -> Double) -> Planes { with(values.map(transform)) }

  static func + (a: Planes, b: Planes) -> Planes { a.with(zip(a.values, b.values).map(+)) }

  static func * (a: Planes, b: Planes) -> Planes { a.with(zip(a.values, b.values).map(*)) }

  /// Σ self·other.
  func dot(_ other: Planes) -> Double {
    zip(values, other.values).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// [a, b] along the channels.
  static func join(_ a: Planes, _ b: Planes) -> Planes {
    var joined: [Double] = []
    for image in 0..<a.n { joined += a.image(image) + b.image(image) }
    return Planes(a.n, a.c + b.c, a.h, a.w, joined)
  }

  /// Channels `range`.
  func channels(_ range: Range<Int>) -> Planes {
    var part: [Double] = []
    for image in 0..<n {
      part += self.image(image)[range.lowerBound * h * w..<range.upperBound * h * w]
    }
    return Planes(n, range.count, h, w, part)
  }

  private func image(_ i: Int) -> [Double] { Array(values[i * c * h * w..<(i + 1) * c * h * w]) }

  private func forEachIndex(_ body: (_ plane: Int, _ element: Int) -> Void) {
    var plane = 0
    for image in 0..<n {
      for channel in 0..<c {
        for pixel in 0..<h * w {
          body(plane, (image * h * w + pixel) * c + channel)
          plane += 1
        }
      }
    }
  }
}

extension Tensor {
  var floats: [Float] { unsafe Array(elements) }
  var doubles: [Double] { unsafe elements.map(Double.init) }
  var bits: [UInt32] { unsafe elements.map(\.bitPattern) }
}

/// Arrays by name: weights, and the inputs that gradients are taken of.
extension [String: [Double]] {
  /// With the values of `others`, too.
  func with(_ others: [String: Planes]) -> Self { merging(others.mapValues(\.values)) { $1 } }

  /// The array called `name`, with the extents of `planes`.
  func planes(_ name: String, like planes: Planes) -> Planes { planes.with(self[name] ?? []) }
}
