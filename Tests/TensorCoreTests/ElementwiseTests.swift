import Glibc
@testable import TensorCore
import Testing

/// Each function over elements, in every build, against the same formula in Double.
@Suite struct ElementwiseTests {
  private let memory = TestMemory()

  @Test(arguments: Kernels.available, oddSizes)
  func combineWeighsAndMayOverwriteEitherOperand(kernels: Kernels, n: Int) {
    let (x, y, out) = (
      memory.random(count: n, seed: 1), memory.random(count: n, seed: 2), memory.row(.init(n))
    )
    let expected = zip(x.doubles, y.doubles).map { 0.25 * $0 - 3 * $1 }
    combine(0.25, x, -3, y, into: out, using: kernels)
    #expect(distance(out, expected) < 1e-6)
    let (overX, overY) = (memory.copy(of: x), memory.copy(of: y))
    combine(0.25, overX, -3, y, into: overX, using: kernels)
    combine(0.25, x, -3, overY, into: overY, using: kernels)
    #expect(overX.bits == out.bits && overY.bits == out.bits)
  }

  @Test(arguments: Kernels.available, oddSizes)
  func addScaleCopyAndFill(kernels: Kernels, n: Int) {
    let (x, y) = (memory.random(count: n, seed: 3), memory.random(count: n, seed: 4))
    let sum = zip(x.doubles, y.doubles).map(+)
    add(x, into: y, using: kernels)
    #expect(distance(y, sum) < 1e-6)
    scale(y, by: -1.5, using: kernels)
    #expect(distance(y, sum.map { -1.5 * $0 }) < 1e-6)
    copy(x, into: y)
    #expect(y.bits == x.bits)
    fill(y, with: 7)
    #expect(y.floats == Array(repeating: 7, count: n))
  }

  @Test(arguments: Kernels.available, oddSizes)
  func clampClipsBothSidesAndKeepsNaN(kernels: Kernels, n: Int) {
    let x = memory.random(count: n, seed: 5)
    let expected = x.floats.map { min(max($0, -0.5), 0.5) }
    clamp(x, to: 0.5, using: kernels)
    #expect(x.floats == expected)
    let special = memory.row([.nan, .infinity, -.infinity, 0.25])
    clamp(special, to: 1, using: kernels)
    #expect(special.floats[0].isNaN && special.floats[1...] == [1, -1, 0.25])
  }

  @Test(arguments: Kernels.available, oddSizes)
  func sumsAreAccumulatedInDouble(kernels: Kernels, n: Int) {
    let (x, y) = (memory.random(count: n, seed: 6), memory.random(count: n, seed: 7))
    let squares = x.doubles.reduce(0) { $0 + $1 * $1 }
    let differences = zip(x.doubles, y.doubles).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    #expect(abs(sumOfSquares(x, using: kernels) / squares - 1) < 1e-14)
    #expect(abs(sumOfSquaredDifferences(x, y, using: kernels) / differences - 1) < 1e-14)
    #expect(sumOfSquaredDifferences(x, x, using: kernels) == 0)
  }

  /// 2²⁴ + 1 is not a float: a float sum would lose every small term.
  @Test(arguments: Kernels.available)
  func sumsDoNotSaturate(kernels: Kernels) {
    let x = memory.row([4096] + Array(repeating: 0.5, count: 1000))
    #expect(sumOfSquares(x, using: kernels) == 4096 * 4096 + 250)
  }

  @Test(arguments: Kernels.available)
  func bytesRoundTripThroughFloats(kernels: Kernels) {
    let pixels = (0...255).map { UInt8($0) } + [7]
    let x = memory.row(.init(pixels.count))
    unsafe pixels.withUnsafeBufferPointer {
      unsafe floats(fromBytes: $0, into: x, using: kernels)
    }
    #expect(distance(x, pixels.map { Double($0) / 127.5 - 1 }) < 1e-7)
    #expect(x.floats[0] == -1 && x.floats[255] == 1)
    #expect(pixelsOf(x, kernels) == pixels)
  }

  /// diffusers: (x/2 + ½) clipped to [0, 1], times 255, rounded half to even.
  @Test(arguments: Kernels.available)
  func bytesClipRoundAndTurnNaNToBlack(kernels: Kernels) {
    let x = memory.row([.nan, .infinity, -.infinity, -1.001, 1.001, 0, -0.996, 0.5])
    #expect(pixelsOf(x, kernels) == [0, 255, 0, 0, 255, 128, 1, 191])
    let random = memory.random(count: 777, seed: 8)
    let expected = random.floats.map {
      UInt8((min(max($0 / 2 + 0.5, 0), 1) * 255).rounded(.toNearestOrEven))
    }
    #expect(pixelsOf(random, kernels) == expected)
  }

  @Test(arguments: Kernels.available, oddSizes)
  func siluAndItsDerivative(kernels: Kernels, n: Int) {
    let (x, dy) = (memory.random(count: n, seed: 9), memory.random(count: n, seed: 10))
    scale(x, by: 5)
    let (y, dx) = (memory.row(.init(n)), memory.copy(of: dy))
    silu(x, into: y, using: kernels)
    siluBackward(x, dx, into: dx, using: kernels)
    let apart = memory.row(.init(n))
    siluBackward(x, dy, into: apart, using: kernels)
    #expect(dx.bits == apart.bits)
    let (results, gradients) = (y.doubles, dx.doubles)
    for (i, (value, gradient)) in zip(x.doubles, dy.doubles).enumerated() {
      let sigmoid = 1 / (1 + exp(-value))
      let derivative = sigmoid * (1 + value * (1 - sigmoid))
      #expect(abs(results[i] - value * sigmoid) <= 4e-7 * max(abs(value), 1e-6))
      #expect(abs(gradients[i] - gradient * derivative) <= 2e-6 * abs(gradient))
    }
  }

  @Test(arguments: Kernels.available)
  func siluOfTheFarEnds(kernels: Kernels) {
    let x = memory.row([-1e4, -100, -88, 0, 88, 1e4])
    let y = memory.row(.init(6))
    silu(x, into: y, using: kernels)
    #expect(y.floats.allSatisfy { $0.isFinite })
    #expect(y.floats[3...] == [0, 88, 1e4])
    #expect(y.floats[..<3].allSatisfy { abs($0) < 1e-30 })
  }

  private func pixelsOf(_ x: Tensor, _ kernels: Kernels) -> [UInt8] {
    var pixels = [UInt8](repeating: 99, count: x.count)
    unsafe pixels.withUnsafeMutableBufferPointer {
      unsafe bytes(from: x, into: $0, using: kernels)
    }
    return pixels
  }
}

extension [Double] {
  /// `count` zeros.
  init(_ count: Int) { self.init(repeating: 0, count: count) }
}
