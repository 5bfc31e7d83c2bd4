@testable import TensorCore
import Testing

/// Functions over rows and columns, in every build, against plain loops.
@Suite struct RowsTests {
  private let memory = TestMemory()

  @Test(arguments: Kernels.available, [1, 3, 17, 65])
  func rowsAreFilledAllAlikeOrImageByImage(kernels: Kernels, c: Int) {
    let y = memory.zeros(Shape(3, 2, 5, c))
    for rows in [1, 3] {
      let row = memory.random(Shape(rows: rows, columns: c), seed: 1)
      fillRows(y, with: row, using: kernels)
      for (i, value) in y.floats.enumerated() {
        let image = i / (10 * c)
        #expect(value == row.floats[(rows == 1 ? 0 : image) * c + i % c])
      }
    }
  }

  @Test(arguments: Kernels.available, [1, 3, 17, 65])
  func columnSumsAreAddedAllTogetherOrImageByImage(kernels: Kernels, c: Int) {
    let x = memory.random(Shape(3, 5, 7, c), seed: 2)
    for rows in [1, 3] {
      let sums = memory.random(Shape(rows: rows, columns: c), seed: 3)
      var expected = sums.doubles
      for (i, value) in x.doubles.enumerated() {
        expected[(rows == 1 ? 0 : i / (35 * c)) * c + i % c] += value
      }
      addColumnSums(x, into: sums, using: kernels)
      #expect(distance(sums, expected) < 2e-6)
    }
  }

  @Test(arguments: Kernels.available)
  func blocksOfMatricesAreCopiedAndNothingElse(kernels: Kernels) {
    let x = memory.random(Shape(rows: 7, columns: 19), seed: 4)
    let y = memory.random(Shape(rows: 9, columns: 23), seed: 5)
    var expected = y.floats
    for i in 0..<3 {
      for j in 0..<17 { expected[(i + 6) * 23 + j + 5] = x.floats[(i + 2) * 19 + j + 1] }
    }
    copy(
      x.matrix.block(rows: 2..<5, columns: 1..<18),
      into: y.matrix.block(rows: 6..<9, columns: 5..<22), using: kernels)
    #expect(y.floats == expected)
  }

  @Test(arguments: Kernels.available, [1, 3, 17, 65])
  func upsampleRepeatsPixelsAndItsAdjointSumsThem(kernels: Kernels, c: Int) {
    let (small, large) = (Shape(2, 3, 5, c), Shape(2, 6, 10, c))
    let (x, y) = (memory.random(small, seed: 6), memory.zeros(large))
    upsample(x, into: y, using: kernels)
    func index(_ s: Shape, _ n: Int, _ h: Int, _ w: Int, _ k: Int) -> Int {
      ((n * s.h + h) * s.w + w) * s.c + k
    }
    let (dy, dx) = (memory.random(large, seed: 7), memory.random(small, seed: 8))
    let (pixels, gradients) = (x.doubles, dy.doubles)
    var (enlarged, sums) = ([Double](large.count), [Double](small.count))
    for n in 0..<2 {
      for h in 0..<6 {
        for w in 0..<10 {
          for k in 0..<c {
            let (whole, half) = (index(large, n, h, w, k), index(small, n, h / 2, w / 2, k))
            enlarged[whole] = pixels[half]
            sums[half] += gradients[whole]
          }
        }
      }
    }
    #expect(y.doubles == enlarged)
    upsampleBackward(dy, into: dx, using: kernels)
    #expect(distance(dx, sums) < 1e-6)
  }
}
