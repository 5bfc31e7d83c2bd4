internal import CKernels

/// 3×3 convolutions with stride 1 by Winograd's F(4×4, 3×3) (Lavin & Gray 2016), forward and both
/// backward passes; the same functions as `Im2colConvolution`'s to a relative error of 1e-6.
enum WinogradConvolution {
  /// Whether this method takes the convolution, and pays: tiles that are mostly padding save less
  /// than a third of the multiplications. The number of images plays no part, so that an image's bits
  /// do not depend on it.
  static func takes(_ x: Shape, _ weights: Shape, _ geometry: ConvolutionGeometry) -> Bool {
    geometry == .same3x3 && x.c % 16 == 0 && weights.c % 16 == 0 && 6 * tiles(x) <= x.rows
  }

  /// y += conv(x).
  static func convolve(
    _ x: Tensor, weights: Tensor, into y: Tensor, arena: Arena, using kernels: Kernels
  ) {
    run(x, weights, turned: false, into: y, arena, kernels)
  }

  /// dx += the gradient of the input.
  static func addInputGradient(
    _ dy: Tensor, weights: Tensor, into dx: Tensor, arena: Arena, using kernels: Kernels
  ) {
    run(dy, weights, turned: true, into: dx, arena, kernels)
  }

  /// dw += the gradient of the weights.
  static func weightGradient(
    _ x: Tensor, _ dy: Tensor, into dw: Tensor, arena: Arena, using kernels: Kernels
  ) {
    let plan = plan(x.shape, outputs: dy.shape.c)
    arena.lend(Int(ddpm_winograd_scratch(plan))) { scratch in
      unsafe kernels.functions.winograd_weight_gradient(
        plan, x.base, dy.base, dw.base, scratch.base)
    }
  }

  private static func run(
    _ x: Tensor, _ weights: Tensor, turned: Bool, into y: Tensor, _ arena: Arena,
    _ kernels: Kernels
  ) {
    let plan = plan(x.shape, outputs: y.shape.c)
    arena.lend(Int(ddpm_winograd_scratch(plan))) { scratch in
      unsafe kernels.functions.winograd_convolve(
        plan, x.base, weights.base, turned, y.base, scratch.base)
    }
  }

  private static func plan(_ x: Shape, outputs: Int) -> ddpm_winograd {
    let tiles = tiles(x)
    // Of the transformed tiles and kernels the smaller lot is kept, the other made as it is used.
    let keepsTiles = tiles <= outputs
    return ddpm_winograd(
      n: Int64(x.n), h: Int64(x.h), w: Int64(x.w), inputs: Int64(x.c), outputs: Int64(outputs),
      block: Int64(keepsTiles ? tiles : min(tiles, 32)),
      group: Int64(keepsTiles ? min(32, outputs) : outputs))
  }

  private static func tiles(_ x: Shape) -> Int { x.n * ((x.h + 3) / 4) * ((x.w + 3) / 4) }
}
