import Glibc
@testable public import TensorCore
import TestSupport
public import Testing

/// Memory for the tensors of one test: a suite keeps one in a property, and each test has its own
/// instance of the suite.
final class TestMemory {
  private var buffers: [FloatBuffer] = []

  func zeros(_ shape: Shape) -> Tensor {
    let buffer = FloatBuffer(count: shape.count)
    buffers.append(buffer)
    return buffer.tensor(at: 0, shape)
  }

  func tensor(_ values: [Double], _ shape: Shape) -> Tensor {
    precondition(values.count == shape.count)
    let tensor = zeros(shape)
    for (i, value) in values.enumerated() { unsafe tensor.elements[i] = Float(value) }
    return tensor
  }

  func row(_ values: [Double]) -> Tensor { tensor(values, Shape(rows: 1, columns: values.count)) }

  /// Samples of N(0, 1), the same at every run.
  func random(_ shape: Shape, seed: UInt64) -> Tensor {
    var generator = SplitMix(seed: seed)
    return tensor((0..<shape.count).map { _ in generator.normal() }, shape)
  }

  func random(count: Int, seed: UInt64) -> Tensor {
    random(Shape(rows: 1, columns: count), seed: seed)
  }

  func copy(of x: Tensor) -> Tensor { tensor(x.doubles, x.shape) }
}

// A generator that owes nothing to the one under test.
extension SplitMix {
  /// A sample of N(0, 1).
  mutating func normal() -> Double {
    let radius = (-2 * log(Double.random(in: 1e-300..<1, using: &self))).squareRoot()
    return radius * cos(Double.random(in: 0..<2 * .pi, using: &self))
  }
}

extension Tensor {
  var floats: [Float] { unsafe Array(elements) }
  var doubles: [Double] { unsafe elements.map(Double.init) }
  var bits: [UInt32] { unsafe elements.map(\.bitPattern) }
}

/// The largest |actual − expected| relative to the largest |expected|; infinite where the sizes
/// differ or anything is not finite.
func distance(_ actual: [Double], _ expected: [Double]) -> Double {
  guard actual.count == expected.count else { return .infinity }
  var (error, size) = (0.0, 0.0)
  for (a, e) in zip(actual, expected) {
    guard a.isFinite, e.isFinite else { return .infinity }
    error = max(error, abs(a - e))
    size = max(size, abs(e))
  }
  return error == 0 ? 0 : error / size
}

func distance(_ actual: Tensor, _ expected: [Double]) -> Double {
  distance(actual.doubles, expected)
}

/// Sizes around the widths of vectors and unrolled loops.
let oddSizes = [1, 3, 4, 17, 64, 65, 1000]

extension Kernels: CustomTestStringConvertible {
  /// The build's name.
  public var testDescription: String { name }
}
