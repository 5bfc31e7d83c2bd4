internal import CKernels

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

/// c = a·b, or c += a·b when `accumulating`; on the calling thread.
///
/// An element's bits depend on its row of a and its column of b alone, not on how many others are
/// multiplied with them.
public func multiply(
  _ a: Matrix, _ b: Matrix, into c: Matrix, accumulating: Bool = false, arena: Arena,
  using kernels: Kernels = .active
) {
  let right = RightOperand(b, arena, kernels)
  multiply(a, right, into: c, accumulating: accumulating, using: kernels)
  right.recycle(arena)
}

/// The same with a right operand that serves more than one product.
func multiply(
  _ a: Matrix, _ b: RightOperand, into c: Matrix, accumulating: Bool, using kernels: Kernels
) {
  precondition(
    a.columns == b.rows && a.rows == c.rows && b.columns == c.columns && !c.isTransposed,
    "matrices do not fit")
  unsafe kernels.functions.multiply(
    Int64(c.rows), Int64(c.columns), Int64(a.columns), a.base,
    Int64(a.isTransposed ? 1 : a.stride), Int64(a.isTransposed ? a.stride : 1), b.base, b.rowStride,
    b.panelStride, c.base, Int64(c.stride), accumulating)
}

/// A matrix as the kernels read it on the right of a product: where it stands if its rows are
/// contiguous and whole vectors long, else copied into panels.
@safe struct RightOperand {
  let rows: Int
  let columns: Int
  fileprivate let base: UnsafeMutablePointer<Float>
  fileprivate let rowStride: Int64
  fileprivate let panelStride: Int64
  private let packed: Tensor?

  /// Valid as long as the matrix's memory is; to be recycled.
  init(_ matrix: Matrix, _ arena: Arena, _ kernels: Kernels) {
    (rows, columns) = (matrix.rows, matrix.columns)
    let panel = Int(unsafe kernels.table.pointee.panel)
    guard matrix.isTransposed || matrix.columns % 16 != 0 else {
      packed = nil
      unsafe base = matrix.base
      rowStride = Int64(matrix.stride)
      panelStride = Int64(panel)
      return
    }
    let panels = arena.take(
      Shape(rows: matrix.rows, columns: (matrix.columns + panel - 1) / panel * panel))
    unsafe kernels.functions.pack(
      matrix.base, Int64(matrix.isTransposed ? 1 : matrix.stride),
      Int64(matrix.isTransposed ? matrix.stride : 1), Int64(rows), Int64(columns), panels.base)
    packed = panels
    unsafe base = panels.base
    rowStride = Int64(panel)
    panelStride = Int64(matrix.rows * panel)
  }

  func recycle(_ arena: Arena) {
    if let packed { arena.recycle(packed) }
  }
}
