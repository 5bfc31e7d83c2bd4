@testable import TensorCore
import Testing

/// Forward pass and both gradients of convolutions, by each method in each build, against plain
/// loops in Double.
@Suite struct ConvolutionTests {
  private let memory = TestMemory()
  private let arena = Arena()

  struct Case: Sendable, CustomTestStringConvertible {
    var x: Shape
    var outputs: Int
    var geometry: ConvolutionGeometry

    var testDescription: String {
      "\(x.n)×\(x.h)×\(x.w)×\(x.c) to \(outputs), kernel \(geometry.kernel), stride "
        + "\(geometry.stride), padding \(geometry.paddingBefore) and \(geometry.paddingAfter)"
    }
  }

  /// Every kernel, stride and padding, on odd sizes, height and width apart.
  static let general: [Case] = {
    var cases: [Case] = []
    for kernel in [1, 3] {
      for stride in [1, 2] {
        for before in [0, 1] {
          for after in [0, 1] {
            let geometry = ConvolutionGeometry(
              kernel: kernel, stride: stride, paddingBefore: before, paddingAfter: after)
            cases.append(Case(x: Shape(2, 7, 5, 3), outputs: 17, geometry: geometry))
            cases.append(Case(x: Shape(1, 3, 8, 5), outputs: 1, geometry: geometry))
          }
        }
      }
    }
    cases.append(Case(x: Shape(3, 1, 1, 65), outputs: 3, geometry: .same3x3))
    return cases
  }()

  /// What Winograd's method takes: blocks of tiles that are full, partial, and cut at the edges;
  /// panels of channels that are full and half.
  static let wide = [
    Case(x: Shape(1, 13, 14, 16), outputs: 16, geometry: .same3x3),
    Case(x: Shape(3, 9, 5, 32), outputs: 16, geometry: .same3x3),
    Case(x: Shape(2, 16, 18, 16), outputs: 48, geometry: .same3x3),
    Case(x: Shape(9, 5, 7, 48), outputs: 32, geometry: .same3x3),
    Case(x: Shape(2, 4, 4, 32), outputs: 80, geometry: .same3x3),
    Case(x: Shape(3, 7, 10, 16), outputs: 64, geometry: .same3x3),
  ]

  @Test(arguments: general)
  func anyGeometry(_ test: Case) {
    #expect(!WinogradConvolution.takes(test.x, weightShape(test), test.geometry))
    check(test, methods: [.fastest], within: 1e-6)
  }

  @Test(arguments: wide)
  func wideConvolutions(_ test: Case) {
    #expect(WinogradConvolution.takes(test.x, weightShape(test), test.geometry))
    check(test, methods: [.fastest, .im2col], within: 3e-6)
  }

  /// What ends a network: many channels to those of an image.
  @Test(arguments: [
    Case(x: Shape(2, 7, 5, 16), outputs: 1, geometry: .same3x3),
    Case(x: Shape(3, 8, 9, 40), outputs: 3, geometry: .same3x3),
  ])
  func fewOutputs(_ test: Case) {
    #expect(FewOutputsConvolution.takes(test.x, weightShape(test), test.geometry))
    check(test, methods: [.fastest, .im2col], within: 1e-6)
  }

  /// The patches of one image may be too large for one block of rows.
  @Test func patchesComeInBlocksOfRows() {
    check(
      Case(
        x: Shape(1, 9, 66, 65), outputs: 1,
        geometry: ConvolutionGeometry(kernel: 3, stride: 1, paddingBefore: 1, paddingAfter: 0)),
      methods: [.im2col], within: 2e-6)
  }

  /// Sampling relies on it where images are drawn one by one, training where a shard changes size.
  @Test func anImagesBitsDoNotDependOnTheOthersInItsPass() {
    let test = Case(x: Shape(3, 16, 17, 32), outputs: 48, geometry: .same3x3)
    let x = memory.random(test.x, seed: 1)
    let weights = memory.random(weightShape(test), seed: 2)
    let dy = memory.random(Shape(3, 16, 17, 48), seed: 3)
    for kernels in Kernels.available {
      let (y, dx) = (memory.zeros(dy.shape), memory.zeros(x.shape))
      convolve(x, weights: weights, .same3x3, into: y, arena: arena, using: kernels)
      convolveInputGradient(dy, weights: weights, .same3x3, into: dx, arena: arena, using: kernels)
      for i in 0..<3 {
        let (yAlone, dxAlone) = (
          memory.zeros(Shape(1, 16, 17, 48)), memory.zeros(Shape(1, 16, 17, 32))
        )
        convolve(
          x.images(i..<i + 1), weights: weights, .same3x3, into: yAlone, arena: arena,
          using: kernels)
        convolveInputGradient(
          dy.images(i..<i + 1), weights: weights, .same3x3, into: dxAlone, arena: arena,
          using: kernels)
        #expect(yAlone.bits == y.images(i..<i + 1).bits, "\(kernels.name)")
        #expect(dxAlone.bits == dx.images(i..<i + 1).bits, "\(kernels.name)")
      }
    }
  }

  private func weightShape(_ test: Case) -> Shape {
    Shape(rows: test.geometry.kernel * test.geometry.kernel * test.x.c, columns: test.outputs)
  }

  private func check(_ test: Case, methods: [ConvolutionMethod], within tolerance: Double) {
    let x = memory.random(test.x, seed: 1)
    let weights = memory.random(weightShape(test), seed: 2)
    let dy = memory.random(test.geometry.output(test.x, channels: test.outputs), seed: 3)
    let before = (y: memory.random(dy.shape, seed: 4), dw: memory.random(weights.shape, seed: 5))
    let reference = ReferenceConvolution(x, weights, dy, test.geometry)
    for kernels in Kernels.available {
      for method in methods {
        let (y, dw) = (memory.copy(of: before.y), memory.copy(of: before.dw))
        let dx = memory.random(x.shape, seed: 6)
        convolve(
          x, weights: weights, test.geometry, into: y, arena: arena, method: method,
          using: kernels)
        convolveWeightGradient(
          x, dy, test.geometry, into: dw, arena: arena, method: method, using: kernels)
        convolveInputGradient(
          dy, weights: weights, test.geometry, into: dx, arena: arena, method: method,
          using: kernels)
        let name: Comment = "\(kernels.name), \(method)"
        // The first two are added to what was there, the last one overwrites it.
        #expect(distance(y, zip(before.y.doubles, reference.y).map(+)) < tolerance, name)
        #expect(distance(dw, zip(before.dw.doubles, reference.dw).map(+)) < tolerance, name)
        #expect(distance(dx, reference.dx) < tolerance, name)
      }
    }
  }
}

/// A convolution and its gradients by their definition: the sum over outputs and taps.
private struct ReferenceConvolution {
  var y: [Double]
  var dw: [Double]
  var dx: [Double]

  init(_ x: Tensor, _ weights: Tensor, _ dy: Tensor, _ g: ConvolutionGeometry) {
    (y, dw, dx) = ([Double](dy.count), [Double](weights.count), [Double](x.count))
    let (input, kernel, gradient) = (x.doubles, weights.doubles, dy.doubles)
    let (s, t) = (x.shape, dy.shape)
    for n in 0..<t.n {
      for oy in 0..<t.h {
        for ox in 0..<t.w {
          for ky in 0..<g.kernel {
            for kx in 0..<g.kernel {
              let iy = oy * g.stride + ky - g.paddingBefore
              let ix = ox * g.stride + kx - g.paddingBefore
              guard iy >= 0, iy < s.h, ix >= 0, ix < s.w else { continue }
              let from = ((n * s.h + iy) * s.w + ix) * s.c
              for o in 0..<t.c {
                let to = ((n * t.h + oy) * t.w + ox) * t.c + o
                for i in 0..<s.c {
                  let tap = ((ky * g.kernel + kx) * s.c + i) * t.c + o
                  y[to] += input[from + i] * kernel[tap]
                  dw[tap] += gradient[to] * input[from + i]
                  dx[from + i] += gradient[to] * kernel[tap]
                }
              }
            }
          }
        }
      }
    }
  }
}
