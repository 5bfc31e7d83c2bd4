@testable import TensorCore
import Testing

/// Matrix products, transposed, strided and accumulated, against plain loops.
@Suite struct MatrixTests {
  private let memory = TestMemory()
  private let arena = Arena()

  @Test(
    arguments: [
      (1, 1, 1), (3, 17, 5), (65, 3, 17), (49, 64, 33), (200, 48, 7), (13, 16, 300), (5, 40, 513),
    ], [false, true])
  func productsOfBlocksInEveryOrientation(size: (m: Int, n: Int, k: Int), accumulating: Bool) {
    let (m, n, k) = size
    for flipA in [false, true] {
      for flipB in [false, true] {
        let (a, aValues) = block(flipA ? k : m, flipA ? m : k, seed: 1)
        let (b, bValues) = block(flipB ? n : k, flipB ? k : n, seed: 2)
        let before = memory.random(Shape(rows: m + 2, columns: n + 3), seed: 3)
        var expected = before.doubles
        for i in 0..<m {
          for j in 0..<n {
            var sum = accumulating ? expected[(i + 1) * (n + 3) + j + 2] : 0
            for l in 0..<k {
              sum += aValues[flipA ? l * m + i : i * k + l] * bValues[flipB ? j * k + l : l * n + j]
            }
            expected[(i + 1) * (n + 3) + j + 2] = sum
          }
        }
        for kernels in Kernels.available {
          let c = memory.copy(of: before)
          multiply(
            flipA ? a.transposed : a, flipB ? b.transposed : b,
            into: c.matrix.block(rows: 1..<m + 1, columns: 2..<n + 2), accumulating: accumulating,
            arena: arena, using: kernels)
          // A sum of k products in one accumulator: its rounding errors grow with k.
          #expect(distance(c, expected) < (k < 100 ? 1e-6 : 2e-6), "\(kernels.name)")
        }
      }
    }
  }

  /// A rows×columns block in the middle of a larger matrix, and its values.
  private func block(_ rows: Int, _ columns: Int, seed: UInt64) -> (Matrix, [Double]) {
    let whole = memory.random(Shape(rows: rows + 3, columns: columns + 2), seed: seed)
    let all = whole.doubles
    let values = (0..<rows * columns).map {
      all[($0 / columns + 2) * (columns + 2) + $0 % columns + 1]
    }
    return (whole.matrix.block(rows: 2..<rows + 2, columns: 1..<columns + 1), values)
  }
}
