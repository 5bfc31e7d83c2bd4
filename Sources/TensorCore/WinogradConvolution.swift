internal import CKernels

/// 3×3 convolutions with stride 1 by Winograd's F(4×4, 3×3) (Lavin & Gray 2016), forward and both
/// backward passes; the same functions as `Im2colConvolution`'s to a relative error of 1e-6.
enum WinogradConvolution {
  /// Whether this method takes the convolution, and pays: on very small images tiles are mostly
  /// padding. The number of images plays no part, so that an image's bits do not depend on it.
  static func takes(_ x: Shape, _ weights: Shape, _ geometry: ConvolutionGeometry) -> Bool {
    geometry == .same3x3 && x.c % 16 == 0 && weights.c % 16 == 0 && tiles(x) >= 4 * x.n
  }

  /// y += conv(x).
  static func convolve(
    _ x: Tensor, weights: Tensor, into y: Tensor, arena: Arena, using kernels: Kernels
  ) {
    run(x, weights, turned: false, into: y, arena, kernels)
  }

  /// dx = the gradient of the input.
  static func inputGradient(
    _ dy: Tensor, weights: Tensor, into dx: Tensor, arena: Arena, using kernels: Kernels
  ) {
    fill(dx, with: 0)
    run(dy, weights, turned: true, into: dx, arena, kernels)
  }

  /// dw += the gradient of the weights.
  static func weightGradient(
    _ x: Tensor, _ dy: Tensor, into dw: Tensor, arena: Arena, using kernels: Kernels
  ) {
    let plan = plan(x.shape, outputs: dy.shape.c)
    arena.lend(blockFloats(plan) + kernelFloats(plan)) { scratch in
      unsafe kernels.functions.winograd_weight_gradient(
        plan, x.base, dy.base, dw.base, scratch.base)
    }
  }

  private static func run(
    _ x: Tensor, _ weights: Tensor, turned: Bool, into y: Tensor, _ arena: Arena,
    _ kernels: Kernels
  ) {
    let plan = plan(x.shape, outputs: y.shape.c)
    arena.lend(kernelFloats(plan) + blockFloats(plan)) { memory in
      let (transformed, scratch) = unsafe (memory.base, memory.base + kernelFloats(plan))
      if turned {
        unsafe kernels.functions.winograd_turned_weights(
          weights.base, transformed, plan.outputs, plan.inputs)
      } else {
        unsafe kernels.functions.winograd_weights(
          weights.base, transformed, plan.inputs, plan.outputs)
      }
      unsafe kernels.functions.winograd_convolve(plan, x.base, transformed, y.base, scratch)
    }
  }

  private static func plan(_ x: Shape, outputs: Int) -> ddpm_winograd {
    ddpm_winograd(
      n: Int64(x.n), h: Int64(x.h), w: Int64(x.w), inputs: Int64(x.c), outputs: Int64(outputs),
      block: Int64(min(tiles(x), 32)))
  }

  private static func tiles(_ x: Shape) -> Int { x.n * ((x.h + 3) / 4) * ((x.w + 3) / 4) }

  /// The transformed kernels, or their gradients.
  private static func kernelFloats(_ plan: ddpm_winograd) -> Int {
    Int(ddpm_winograd_floats(plan.inputs, plan.outputs))
  }

  /// The transforms of a block of tiles of input and output.
  private static func blockFloats(_ plan: ddpm_winograd) -> Int {
    Int(
      ddpm_winograd_floats(plan.block, plan.inputs) + ddpm_winograd_floats(plan.block, plan.outputs)
    )
  }
}
