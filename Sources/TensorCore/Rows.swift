internal import CKernels

// Functions over tensors seen as matrices: N·H·W rows (pixels) of C columns (channels).

/// Every row of y becomes `row` (1×C), or, with one row an image (N×C), the image's row.
public func fillRows(_ y: Tensor, with row: Tensor, using kernels: Kernels = .active) {
  forEachImage(of: y, row) { image, row in
    unsafe kernels.functions.fill_rows(
      row.base, image.base, Int64(image.shape.rows), Int64(y.shape.c))
  }
}

/// sums += Σ over rows of x, into 1×C, or, with one row an image (N×C), image by image.
public func addColumnSums(_ x: Tensor, into sums: Tensor, using kernels: Kernels = .active) {
  forEachImage(of: x, sums) { image, sums in
    unsafe kernels.functions.add_column_sums(
      image.base, sums.base, Int64(image.shape.rows), Int64(x.shape.c))
  }
}

/// Copies one block of a matrix into a block of the same extents of another.
public func copy(_ x: Matrix, into y: Matrix, using kernels: Kernels = .active) {
  precondition(x.rows == y.rows && x.columns == y.columns, "blocks differ in size")
  unsafe kernels.functions.copy_rows(
    x.base, Int64(x.stride), y.base, Int64(y.stride), Int64(x.rows), Int64(x.columns))
}

/// Nearest-neighbour enlargement, N×H×W×C to N×2H×2W×C.
public func upsample(_ x: Tensor, into y: Tensor, using kernels: Kernels = .active) {
  let s = x.shape
  precondition(y.shape == Shape(s.n, 2 * s.h, 2 * s.w, s.c), "output is not twice the input")
  for i in 0..<s.n {
    unsafe kernels.functions.upsample(
      x.images(i..<i + 1).base, y.images(i..<i + 1).base, Int64(s.h), Int64(s.w), Int64(s.c))
  }
}

/// The adjoint of `upsample`: dx = sums of 2×2 blocks of dy.
public func upsampleBackward(_ dy: Tensor, into dx: Tensor, using kernels: Kernels = .active) {
  let s = dx.shape
  precondition(dy.shape == Shape(s.n, 2 * s.h, 2 * s.w, s.c), "output is not twice the input")
  for i in 0..<s.n {
    unsafe kernels.functions.upsample_backward(
      dy.images(i..<i + 1).base, dx.images(i..<i + 1).base, Int64(s.h), Int64(s.w), Int64(s.c))
  }
}

/// Calls `body` with all of x and the one row of `rows`, or with each image and its own row.
private func forEachImage(of x: Tensor, _ rows: Tensor, _ body: (Tensor, Tensor) -> Void) {
  precondition(rows.shape.c == x.shape.c, "rows differ in channels")
  if rows.shape.rows == 1 { return body(x, rows) }
  precondition(rows.shape.rows == x.shape.n, "neither one row nor one an image")
  for i in 0..<x.shape.n { body(x.images(i..<i + 1), rows.images(i..<i + 1)) }
}
