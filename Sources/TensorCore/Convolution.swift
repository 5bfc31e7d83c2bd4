internal import CKernels

/// A square convolution's geometry.
public struct ConvolutionGeometry: Sendable, Equatable {
  /// Height and width of the kernel.
  public var kernel: Int
  /// Pixels from one window to the next.
  public var stride: Int
  /// Zeros above and to the left.
  public var paddingBefore: Int
  /// Zeros below and to the right.
  public var paddingAfter: Int

  /// A k×k kernel moved by `stride` over an input padded on both sides.
  public init(kernel: Int, stride: Int = 1, paddingBefore: Int, paddingAfter: Int) {
    self.kernel = kernel
    self.stride = stride
    self.paddingBefore = paddingBefore
    self.paddingAfter = paddingAfter
  }

  /// 3×3 with stride 1 that keeps height and width.
  public static let same3x3 = ConvolutionGeometry(kernel: 3, paddingBefore: 1, paddingAfter: 1)

  /// The shape of the output with `channels` channels for an input of shape `x`.
  public func output(_ x: Shape, channels: Int) -> Shape {
    func size(_ input: Int) -> Int {
      (input + paddingBefore + paddingAfter - kernel) / stride + 1
    }
    return Shape(x.n, size(x.h), size(x.w), channels)
  }
}

/// y += conv(x): the sum over taps of x·weights, without bias.
///
/// - x: N×H×W×I; weights: O rows of kernel·kernel·I columns; y: N×H′×W′×O.
public func convolve(
  _ x: Tensor, weights: Tensor, _ geometry: ConvolutionGeometry, into y: Tensor, arena: Arena,
  using kernels: Kernels = .active
) {
  checkShapes(x.shape, weights.shape, y.shape, geometry)
  forEachPatchBlock(x.shape, y.shape, geometry, arena) { window, image, rows, patches in
    unsafe kernels.functions.im2col(
      window, x.images(image..<image + 1).base, patches.base, Int64(rows.lowerBound),
      Int64(rows.upperBound))
    let out = outputRows(y, image, rows)
    multiply(patches.matrix, weights.matrix.transposed, into: out.matrix, accumulating: true)
  }
}

/// dw += the gradient of the weights, given the input x and the output's gradient dy.
public func convolveWeightGradient(
  _ x: Tensor, _ dy: Tensor, _ geometry: ConvolutionGeometry, into dw: Tensor, arena: Arena,
  using kernels: Kernels = .active
) {
  checkShapes(x.shape, dw.shape, dy.shape, geometry)
  forEachPatchBlock(x.shape, dy.shape, geometry, arena) { window, image, rows, patches in
    unsafe kernels.functions.im2col(
      window, x.images(image..<image + 1).base, patches.base, Int64(rows.lowerBound),
      Int64(rows.upperBound))
    let out = outputRows(dy, image, rows)
    multiply(out.matrix.transposed, patches.matrix, into: dw.matrix, accumulating: true)
  }
}

/// dx = the gradient of the input, given the output's gradient dy.
public func convolveInputGradient(
  _ dy: Tensor, weights: Tensor, _ geometry: ConvolutionGeometry, into dx: Tensor, arena: Arena,
  using kernels: Kernels = .active
) {
  checkShapes(dx.shape, weights.shape, dy.shape, geometry)
  fill(dx, with: 0)
  forEachPatchBlock(dx.shape, dy.shape, geometry, arena) { window, image, rows, patches in
    let out = outputRows(dy, image, rows)
    multiply(out.matrix, weights.matrix, into: patches.matrix)
    unsafe kernels.functions.col2im(
      window, patches.base, dx.images(image..<image + 1).base, Int64(rows.lowerBound),
      Int64(rows.upperBound))
  }
}

/// Patches are made for as many output rows at a time as stay in a core's cache.
private let patchFloats = 128 * 1024

/// Calls `body` for blocks of output rows of every image with a buffer for their patches.
private func forEachPatchBlock(
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

private func outputRows(_ y: Tensor, _ image: Int, _ rows: Range<Int>) -> Tensor {
  let s = y.shape
  return y.part(
    at: (image * s.h + rows.lowerBound) * s.w * s.c, Shape(1, rows.count, s.w, s.c))
}

private func checkShapes(_ x: Shape, _ weights: Shape, _ y: Shape, _ g: ConvolutionGeometry) {
  precondition(
    weights.c == g.kernel * g.kernel * x.c && y == g.output(x, channels: weights.rows),
    "convolution's operands do not fit")
}
