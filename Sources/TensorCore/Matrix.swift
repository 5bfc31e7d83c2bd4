internal import COpenBLAS

/// A view of rows of floats, `stride` apart, or of such rows transposed; the operand of `multiply`.
///
/// It follows `Tensor`'s lifetime rule: valid as long as the memory of the tensor it came from.
@safe public struct Matrix {
  let base: UnsafeMutablePointer<Float>
  /// Number of rows, after transposition.
  public let rows: Int
  /// Number of columns, after transposition.
  public let columns: Int
  /// Floats from one row to the next in memory.
  let stride: Int
  let isTransposed: Bool

  fileprivate init(
    unsafe base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int,
    isTransposed: Bool = false
  ) {
    unsafe self.base = base
    self.rows = rows
    self.columns = columns
    self.stride = stride
    self.isTransposed = isTransposed
  }

  /// The same memory read as the transposed matrix.
  public var transposed: Matrix {
    unsafe Matrix(
      unsafe: base, rows: columns, columns: rows, stride: stride, isTransposed: !isTransposed)
  }

  /// Rows `rows`, columns `columns` of this matrix.
  public func block(rows: Range<Int>, columns: Range<Int>) -> Matrix {
    precondition(!isTransposed, "take the block first, then transpose it")
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= self.rows && columns.lowerBound >= 0
        && columns.upperBound <= self.columns, "block outside its matrix")
    return unsafe Matrix(
      unsafe: base + rows.lowerBound * stride + columns.lowerBound, rows: rows.count,
      columns: columns.count, stride: stride)
  }
}

extension Tensor {
  /// The tensor as N·H·W rows of C columns.
  public var matrix: Matrix {
    unsafe Matrix(unsafe: base, rows: shape.rows, columns: shape.c, stride: shape.c)
  }
}

/// c = a·b, or c += a·b when `accumulating`; on the calling thread only.
public func multiply(_ a: Matrix, _ b: Matrix, into c: Matrix, accumulating: Bool = false) {
  precondition(
    a.columns == b.rows && a.rows == c.rows && b.columns == c.columns && !c.isTransposed,
    "matrices do not fit")
  BLAS.useOneThread
  unsafe cblas_sgemm(
    CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans,
    b.isTransposed ? CblasTrans : CblasNoTrans, blasint(c.rows), blasint(c.columns),
    blasint(a.columns), 1, a.base, blasint(a.stride), b.base, blasint(b.stride),
    accumulating ? 1 : 0, c.base, blasint(c.stride))
}

/// OpenBLAS, which chooses its kernel for the processor at run time.
public enum BLAS {
  /// Work is spread over the batch by `ThreadPool`; a second level of threads would only fight it.
  static let useOneThread: Void = openblas_set_num_threads(1)

  /// The kernel in use, such as `SkylakeX`. Results of different kernels agree to rounding only.
  public static var kernel: String {
    guard let name = unsafe openblas_get_corename() else { return "unknown" }
    return unsafe String(cString: name)
  }

  /// Multiplies small integer matrices, whose products are exact in any order of summation, and
  /// compares with plain loops: some releases choose a kernel that computes wrong results on
  /// processors newer than they are.
  ///
  /// - Returns: nil if all is well, else a sentence that says what to do.
  public static func fault() -> String? {
    for (m, n, k) in [(1, 1, 1), (7, 9, 5), (49, 64, 576), (196, 32, 288), (64, 576, 49)] {
      for (flipA, flipB) in [(false, false), (false, true), (true, false)] {
        let a = Self.integers(flipA ? k : m, flipA ? m : k, cycle: 11)
        let b = Self.integers(flipB ? n : k, flipB ? k : n, cycle: 13)
        let c = FloatBuffer(count: m * n)
        let product = c.tensor(at: 0, Shape(rows: m, columns: n))
        let (left, right) = (a.matrix(flipA), b.matrix(flipB))
        multiply(left, right, into: product.matrix)
        for i in 0..<m {
          for j in 0..<n {
            var sum: Float = 0
            for l in 0..<k { sum += left[i, l] * right[l, j] }
            if product.matrix[i, j] != sum {
              return
                "OpenBLAS computes wrong products with its kernel \(kernel) on this processor; "
                + "set OPENBLAS_CORETYPE=Haswell in the environment, or install a newer OpenBLAS"
            }
          }
        }
      }
    }
    return nil
  }

  /// A matrix of small integers and the memory that it lives in.
  private struct Integers {
    let buffer: FloatBuffer
    let shape: Shape

    func matrix(_ transposed: Bool) -> Matrix {
      let matrix = buffer.tensor(at: 0, shape).matrix
      return transposed ? matrix.transposed : matrix
    }
  }

  private static func integers(_ rows: Int, _ columns: Int, cycle: Int) -> Integers {
    let buffer = FloatBuffer(count: rows * columns)
    for i in 0..<buffer.count {
      unsafe buffer.all.elements[i] = Float(i * 7 % cycle) - Float(cycle / 2)
    }
    return Integers(buffer: buffer, shape: Shape(rows: rows, columns: columns))
  }
}

extension Matrix {
  fileprivate subscript(row: Int, column: Int) -> Float {
    unsafe isTransposed ? base[column * stride + row] : base[row * stride + column]
  }
}
