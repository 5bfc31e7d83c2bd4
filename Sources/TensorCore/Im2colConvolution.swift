internal import CKernels

/// Convolutions as matrix products over patches: every window of the input is copied out as a row.
/// Any geometry; what faster methods are tested against.
enum Im2colConvolution {
  /// y += conv(x).
  static func convolve(
    _ x: Tensor, weights: Tensor, _ geometry: ConvolutionGeometry, into y: Tensor, arena: Arena,
    using kernels: Kernels
  ) {
    let right = RightOperand(weights.matrix, arena, kernels)
    forEachBlock(x.shape, y.shape, geometry, arena) { window, image, rows, patches in
      unsafe kernels.functions.im2col(
        window, x.images(image..<image + 1).base, patches.base, Int64(rows.lowerBound),
        Int64(rows.upperBound))
      let out = outputRows(y, image, rows)
      multiply(patches.matrix, right, into: out.matrix, accumulating: true, using: kernels)
    }
    right.recycle(arena)
  }

  /// dw += the gradient of the weights.
  static func weightGradient(
    _ x: Tensor, _ dy: Tensor, _ geometry: ConvolutionGeometry, into dw: Tensor, arena: Arena,
    using kernels: Kernels
  ) {
    forEachBlock(x.shape, dy.shape, geometry, arena) { window, image, rows, patches in
      unsafe kernels.functions.im2col(
        window, x.images(image..<image + 1).base, patches.base, Int64(rows.lowerBound),
        Int64(rows.upperBound))
      let out = outputRows(dy, image, rows)
      multiply(
        patches.matrix.transposed, out.matrix, into: dw.matrix, accumulating: true, arena: arena,
        using: kernels)
    }
  }

  /// dx += the gradient of the input.
  static func addInputGradient(
    _ dy: Tensor, weights: Tensor, _ geometry: ConvolutionGeometry, into dx: Tensor, arena: Arena,
    using kernels: Kernels
  ) {
    let right = RightOperand(weights.matrix.transposed, arena, kernels)
    forEachBlock(dx.shape, dy.shape, geometry, arena) { window, image, rows, patches in
      let out = outputRows(dy, image, rows)
      multiply(out.matrix, right, into: patches.matrix, accumulating: false, using: kernels)
      unsafe kernels.functions.col2im(
        window, patches.base, dx.images(image..<image + 1).base, Int64(rows.lowerBound),
        Int64(rows.upperBound))
    }
    right.recycle(arena)
  }

  /// Patches are made for as many output rows at a time as stay in a core's cache.
  private static let patchFloats = 128 * 1024

  /// Calls `body` for blocks of output rows of every image with a buffer for their patches.
  private static func forEachBlock(
    _ x: Shape, _ y: Shape, _ geometry: ConvolutionGeometry, _ arena: Arena,
    _ body: (ddpm_window, _ image: Int, _ rows: Range<Int>, _ patches: Tensor) -> Void
  ) {
    let window = ddpm_window(
      h: Int64(x.h), w: Int64(x.w), c: Int64(x.c), oh: Int64(y.h), ow: Int64(y.w),
      k: Int64(geometry.kernel), stride: Int64(geometry.stride),
      pad_top: Int64(geometry.paddingBefore), pad_left: Int64(geometry.paddingBefore))
    let columns = geometry.kernel * geometry.kernel * x.c
    let block = min(y.h, max(1, patchFloats / (y.w * columns)))
    let buffer = arena.take(Shape(rows: block * y.w, columns: columns))
    defer { arena.recycle(buffer) }
    for image in 0..<y.n {
      for first in stride(from: 0, to: y.h, by: block) {
        let rows = first..<min(first + block, y.h)
        body(
          window, image, rows, buffer.part(at: 0, Shape(rows: rows.count * y.w, columns: columns)))
      }
    }
  }

  private static func outputRows(_ y: Tensor, _ image: Int, _ rows: Range<Int>) -> Tensor {
    let s = y.shape
    return y.part(
      at: (image * s.h + rows.lowerBound) * s.w * s.c, Shape(1, rows.count, s.w, s.c))
  }
}
