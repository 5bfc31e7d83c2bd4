import Glibc
@testable import TensorCore
import Testing

/// Group normalisation in every build: forward against its definition in Double, backward against
/// central differences of that.
@Suite struct GroupNormTests {
  private let memory = TestMemory()
  private let arena = Arena()

  struct Case: Sendable, CustomTestStringConvertible {
    var x: Shape
    var groups: Int
    /// Whether each image has its own γ and β.
    var perImage = false
    var silu = false

    var testDescription: String {
      "\(x.n)×\(x.h)×\(x.w)×\(x.c) in \(groups) groups"
        + (perImage ? ", γ and β of each image" : "") + (silu ? ", SiLU" : "")
    }
  }

  static let cases = [
    (Shape(1, 3, 1, 1), 1), (Shape(2, 3, 5, 6), 3), (Shape(3, 1, 7, 17), 17),
    (Shape(2, 5, 3, 65), 5), (Shape(1, 7, 9, 64), 8),
  ].flatMap { shape, groups in
    [false, true].flatMap { perImage in
      [false, true].map { Case(x: shape, groups: groups, perImage: perImage, silu: $0) }
    }
  }

  @Test(arguments: cases)
  func forwardAndBackward(_ test: Case) {
    let s = test.x
    let rows = Shape(rows: test.perImage ? s.n : 1, columns: s.c)
    let (x, dy) = (memory.random(s, seed: 1), memory.random(s, seed: 2))
    let (gamma, beta) = (memory.random(rows, seed: 3), memory.random(rows, seed: 4))
    let reference = ReferenceGroupNorm(test: test, epsilon: 1e-3)
    // The gradients of γ and β are each image's share, as if each had its own.
    let point =
      [x.doubles]
      + [gamma, beta].map { parameter in
        Array(repeatElement(parameter.doubles, count: test.perImage ? 1 : s.n).joined())
      }
    let output = reference(point)
    let slopes = (0..<3).map {
      Slopes(at: point, varying: $0) {
        zip(reference($0), dy.doubles).reduce(0) { $0 + $1.0 * $1.1 }
      }
    }
    for kernels in Kernels.available {
      let (y, dx) = (memory.zeros(s), memory.copy(of: dy))
      let statistics = memory.zeros(Shape(rows: s.n, columns: 2 * test.groups))
      let (dGamma, dBeta) = (
        memory.random(Shape(rows: s.n, columns: s.c), seed: 5),
        memory.random(Shape(rows: s.n, columns: s.c), seed: 6)
      )
      groupNorm(
        x, gamma: gamma, beta: beta, groups: test.groups, epsilon: 1e-3, silu: test.silu, into: y,
        statistics: statistics, using: kernels)
      #expect(distance(y, output) < 1e-6, "\(kernels.name)")

      groupNormBackward(
        dx, x: x, gamma: gamma, beta: beta, groups: test.groups, silu: test.silu,
        statistics: statistics, into: dx, gammaGradients: dGamma, betaGradients: dBeta,
        arena: arena, using: kernels)
      let apart = memory.zeros(s)
      groupNormBackward(
        dy, x: x, gamma: gamma, beta: beta, groups: test.groups, silu: test.silu,
        statistics: statistics, into: apart, gammaGradients: dGamma, betaGradients: dBeta,
        arena: arena, using: kernels)
      #expect(dx.bits == apart.bits, "\(kernels.name): dx over dy")

      for (name, (slopes, gradient)) in zip(
        ["x", "gamma", "beta"], zip(slopes, [dx, dGamma, dBeta]))
      {
        #expect(slopes.error(of: gradient.doubles) < 3e-6, "\(kernels.name): \(name)")
      }
    }
  }

  /// E[x²] − E[x]² in float32 would lose half of the digits here.
  @Test(arguments: Kernels.available)
  func aLargeMeanDoesNotCancel(kernels: Kernels) {
    let test = Case(x: Shape(1, 8, 8, 4), groups: 2)
    let x = memory.tensor(
      memory.random(test.x, seed: 1).doubles.map { 1000 + $0 }, test.x)
    let (gamma, beta) = (memory.row([1, 1, 1, 1]), memory.row(.init(4)))
    let y = memory.zeros(test.x)
    groupNorm(
      x, gamma: gamma, beta: beta, groups: 2, epsilon: 1e-5, silu: false, into: y,
      statistics: memory.zeros(Shape(rows: 1, columns: 4)), using: kernels)
    let expected = ReferenceGroupNorm(test: test, epsilon: 1e-5)(
      [x, gamma, beta].map(\.doubles))
    #expect(distance(y, expected) < 2e-4)
  }

  /// To the rounding of 3 times γ/√ε, about 5,000.
  @Test(arguments: Kernels.available)
  func aConstantImageBecomesBeta(kernels: Kernels) {
    let x = memory.tensor(.init(repeating: 3, count: 24), Shape(1, 2, 3, 4))
    let (y, beta) = (memory.zeros(x.shape), memory.row([1, 2, 3, 4]))
    groupNorm(
      x, gamma: memory.row([5, 5, 5, 5]), beta: beta, groups: 2, epsilon: 1e-5, silu: false,
      into: y, statistics: memory.zeros(Shape(rows: 1, columns: 4)), using: kernels)
    #expect(distance(y, (0..<24).map { Double($0 % 4 + 1) }) < 1e-3)
  }
}

/// Both halves of the forward pass.
private func groupNorm(
  _ x: Tensor, gamma: Tensor, beta: Tensor, groups: Int, epsilon: Float, silu: Bool,
  into y: Tensor, statistics: Tensor, using kernels: Kernels
) {
  groupStatistics(x, groups: groups, epsilon: epsilon, into: statistics, using: kernels)
  groupNormalize(
    x, gamma: gamma, beta: beta, groups: groups, silu: silu, statistics: statistics, into: y,
    using: kernels)
}

/// Group normalisation of [x, γ, β] by its definition, γ and β being N×C.
private struct ReferenceGroupNorm {
  let test: GroupNormTests.Case
  let epsilon: Double

  func callAsFunction(_ arguments: [[Double]]) -> [Double] {
    let (x, gamma, beta) = (arguments[0], arguments[1], arguments[2])
    let (s, width) = (test.x, test.x.c / test.groups)
    var y = x
    for n in 0..<s.n {
      for group in 0..<test.groups {
        let members = (0..<s.h * s.w * width).map {
          (n * s.h * s.w + $0 / width) * s.c + group * width + $0 % width
        }
        let mean = members.reduce(0) { $0 + x[$1] } / Double(members.count)
        let variance = members.reduce(0) { $0 + pow(x[$1] - mean, 2) } / Double(members.count)
        for i in members {
          let parameter = n * s.c + i % s.c
          let z =
            gamma[parameter] * (x[i] - mean) / (variance + epsilon).squareRoot()
            + beta[parameter]
          y[i] = test.silu ? z / (1 + exp(-z)) : z
        }
      }
    }
    return y
  }
}
