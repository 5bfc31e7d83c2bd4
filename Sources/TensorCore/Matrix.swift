internal import COpenBLAS

/// A view of rows of `columns` floats, `stride` apart; the operand of `multiply`.
///
/// It follows `Tensor`'s lifetime rule: valid as long as the memory of the tensor it came from.
@safe public struct Matrix {
  let base: UnsafeMutablePointer<Float>
  public let rows: Int
  public let columns: Int
  public let stride: Int

  fileprivate init(
    unsafe base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int
  ) {
    unsafe self.base = base
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// Rows `rows`, columns `columns` of this matrix.
  public func block(rows: Range<Int>, columns: Range<Int>) -> Matrix {
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

/// Whether an operand of `multiply` is taken as it is or transposed.
public enum Transposition: Sendable {
  case plain, transposed
}

/// c = scale·op(a)·op(b), or c += … when `accumulating`; on the calling thread only.
public func multiply(
  _ a: Matrix, _ opA: Transposition = .plain, _ b: Matrix, _ opB: Transposition = .plain,
  into c: Matrix, scale: Float = 1, accumulating: Bool = false
) {
  let (m, k) = opA == .plain ? (a.rows, a.columns) : (a.columns, a.rows)
  let (k2, n) = opB == .plain ? (b.rows, b.columns) : (b.columns, b.rows)
  precondition(k == k2 && m == c.rows && n == c.columns, "matrices do not fit")
  BLAS.useOneThread
  unsafe cblas_sgemm(
    CblasRowMajor, opA == .plain ? CblasNoTrans : CblasTrans,
    opB == .plain ? CblasNoTrans : CblasTrans, blasint(m), blasint(n), blasint(k), scale, a.base,
    blasint(a.stride), b.base, blasint(b.stride), accumulating ? 1 : 0, c.base, blasint(c.stride))
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
      for (opA, opB) in [
        (Transposition.plain, Transposition.plain), (.plain, .transposed), (.transposed, .plain),
      ] {
        let a = FloatBuffer(count: m * k)
        let b = FloatBuffer(count: k * n)
        let c = FloatBuffer(count: m * n)
        for i in 0..<m * k { unsafe a.all.elements[i] = Float(i * 7 % 11) - 5 }
        for i in 0..<k * n { unsafe b.all.elements[i] = Float(i * 5 % 13) - 6 }
        let aShape = opA == .plain ? Shape(rows: m, columns: k) : Shape(rows: k, columns: m)
        let bShape = opB == .plain ? Shape(rows: k, columns: n) : Shape(rows: n, columns: k)
        multiply(
          a.tensor(at: 0, aShape).matrix, opA, b.tensor(at: 0, bShape).matrix, opB,
          into: c.tensor(at: 0, Shape(rows: m, columns: n)).matrix)
        for i in 0..<m {
          for j in 0..<n {
            var sum: Float = 0
            for l in 0..<k {
              let x = unsafe a.all.elements[opA == .plain ? i * k + l : l * m + i]
              let y = unsafe b.all.elements[opB == .plain ? l * n + j : j * k + l]
              sum += x * y
            }
            if unsafe c.all.elements[i * n + j] != sum {
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
}
