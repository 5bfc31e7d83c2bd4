import Glibc
@testable import TensorCore
import Testing

/// Attention in every build: forward against its definition in Double, backward against central
/// differences of that.
@Suite struct AttentionTests {
  private let memory = TestMemory()
  private let arena = Arena()

  struct Case: Sendable, CustomTestStringConvertible {
    var x: Shape
    var headDim: Int
    var testDescription: String { "\(x.n)×\(x.h)×\(x.w)×\(x.c) in heads of \(headDim)" }
  }

  @Test(arguments: [
    Case(x: Shape(1, 1, 1, 3), headDim: 3), Case(x: Shape(2, 3, 1, 4), headDim: 2),
    Case(x: Shape(1, 5, 7, 8), headDim: 8), Case(x: Shape(2, 3, 11, 6), headDim: 1),
    Case(x: Shape(1, 13, 5, 17), headDim: 17), Case(x: Shape(1, 2, 8, 34), headDim: 17),
  ])
  func forwardAndBackward(_ test: Case) {
    let s = test.x
    let inputs = (1...3).map { memory.random(s, seed: UInt64($0)) }
    let dOut = memory.random(s, seed: 4)
    let point = inputs.map(\.doubles)
    let reference = ReferenceAttention(test: test)
    let output = reference(point)
    let slopes = (0..<3).map {
      Slopes(at: point, varying: $0) {
        zip(reference($0), dOut.doubles).reduce(0) { $0 + $1.0 * $1.1 }
      }
    }
    for kernels in Kernels.available {
      let out = memory.zeros(s)
      let statistics = memory.zeros(
        Shape(rows: s.n * s.c / test.headDim, columns: 2 * s.h * s.w))
      attend(
        inputs[0], inputs[1], inputs[2], headDim: test.headDim, into: out, statistics: statistics,
        arena: arena, using: kernels)
      #expect(distance(out, output) < 1e-6, "\(kernels.name)")

      let gradients = (5...7).map { memory.random(s, seed: UInt64($0)) }
      attendBackward(
        inputs[0], inputs[1], inputs[2], out: out, outGradient: dOut, headDim: test.headDim,
        statistics: statistics, into: gradients[0], gradients[1], gradients[2], arena: arena,
        using: kernels)
      // One pixel attends to itself whatever its query and key are.
      for which in s.h * s.w == 1 ? 2..<3 : 0..<3 {
        #expect(
          slopes[which].error(of: gradients[which].doubles) < 3e-6,
          "\(kernels.name): \(["q", "k", "v"][which])")
      }
    }
  }

  /// Scores of hundreds, whose exponentials are beyond float32.
  @Test(arguments: Kernels.available)
  func largeScoresDoNotOverflow(kernels: Kernels) {
    let test = Case(x: Shape(1, 5, 5, 4), headDim: 4)
    let (q, k, v) = (
      memory.random(test.x, seed: 1), memory.random(test.x, seed: 2),
      memory.random(test.x, seed: 3)
    )
    scale(q, by: 200)
    let out = memory.zeros(test.x)
    attend(
      q, k, v, headDim: 4, into: out, statistics: memory.zeros(Shape(rows: 1, columns: 50)),
      arena: arena, using: kernels)
    let expected = ReferenceAttention(test: test)([q, k, v].map(\.doubles))
    #expect(distance(out, expected) < 1e-4)
  }
}

/// softmax(q·kᵀ/√d)·v of [q, k, v] by its definition, image by image and head by head.
private struct ReferenceAttention {
  let test: AttentionTests.Case

  func callAsFunction(_ inputs: [[Double]]) -> [Double] {
    let (s, d, pixels) = (test.x, test.headDim, test.x.h * test.x.w)
    let (q, k, v) = (inputs[0], inputs[1], inputs[2])
    var out = [Double](s.count)
    for first in stride(from: 0, to: s.n * pixels * s.c, by: pixels * s.c) {
      for head in stride(from: first, to: first + s.c, by: d) {
        func index(_ pixel: Int) -> Int { head + pixel * s.c }
        for query in 0..<pixels {
          var weights = [Double](pixels)
          for key in 0..<pixels {
            for j in 0..<d { weights[key] += q[index(query) + j] * k[index(key) + j] }
            weights[key] /= Double(d).squareRoot()
          }
          let largest = weights.max() ?? 0
          for key in 0..<pixels { weights[key] = exp(weights[key] - largest) }
          let sum = weights.reduce(0, +)
          for key in 0..<pixels {
            for j in 0..<d { out[index(query) + j] += weights[key] / sum * v[index(key) + j] }
          }
        }
      }
    }
    return out
  }
}
