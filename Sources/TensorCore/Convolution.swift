internal import Glibc

/// A square convolution's geometry.
public struct ConvolutionGeometry: Sendable, Hashable {
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

/// The ways to compute a convolution.
public enum ConvolutionMethod: String, CaseIterable, Sendable {
  /// Windows copied out as rows of a matrix, then one matrix product: any geometry, the reference.
  case im2col
  /// Winograd's, or that for few outputs, where they apply and pay, else im2col.
  case fastest

  /// The method in use: the one that the environment's `DDPM_CONVOLUTIONS` names, else the fastest.
  ///
  /// Chosen once. The two agree to rounding, not to the bit.
  public static let active =
    unsafe getenv("DDPM_CONVOLUTIONS").flatMap { unsafe Self(rawValue: String(cString: $0)) }
    ?? .fastest
}

/// y += conv(x): the sum over taps of x·weights, without bias.
///
/// - x: N×H×W×I; weights: kernel·kernel·I rows of O columns; y: N×H′×W′×O.
public func convolve(
  _ x: Tensor, weights: Tensor, _ geometry: ConvolutionGeometry, into y: Tensor, arena: Arena,
  method: ConvolutionMethod = .active, using kernels: Kernels = .active
) {
  checkShapes(x.shape, weights.shape, y.shape, geometry)
  if method == .fastest, WinogradConvolution.takes(x.shape, weights.shape, geometry) {
    WinogradConvolution.convolve(x, weights: weights, into: y, arena: arena, using: kernels)
  } else if method == .fastest, FewOutputsConvolution.takes(x.shape, weights.shape, geometry) {
    FewOutputsConvolution.convolve(x, weights: weights, into: y, arena: arena, using: kernels)
  } else {
    Im2colConvolution.convolve(
      x, weights: weights, geometry, into: y, arena: arena, using: kernels)
  }
}

/// dw += the gradient of the weights, given the input x and the output's gradient dy.
public func convolveWeightGradient(
  _ x: Tensor, _ dy: Tensor, _ geometry: ConvolutionGeometry, into dw: Tensor, arena: Arena,
  method: ConvolutionMethod = .active, using kernels: Kernels = .active
) {
  checkShapes(x.shape, dw.shape, dy.shape, geometry)
  if method == .fastest, WinogradConvolution.takes(x.shape, dw.shape, geometry) {
    WinogradConvolution.weightGradient(x, dy, into: dw, arena: arena, using: kernels)
  } else if method == .fastest, FewOutputsConvolution.takes(x.shape, dw.shape, geometry) {
    FewOutputsConvolution.weightGradient(x, dy, into: dw, arena: arena, using: kernels)
  } else {
    Im2colConvolution.weightGradient(x, dy, geometry, into: dw, arena: arena, using: kernels)
  }
}

/// dx = the gradient of the input, given the output's gradient dy.
public func convolveInputGradient(
  _ dy: Tensor, weights: Tensor, _ geometry: ConvolutionGeometry, into dx: Tensor, arena: Arena,
  method: ConvolutionMethod = .active, using kernels: Kernels = .active
) {
  checkShapes(dx.shape, weights.shape, dy.shape, geometry)
  fill(dx, with: 0)
  if method == .fastest, WinogradConvolution.takes(dx.shape, weights.shape, geometry) {
    WinogradConvolution.addInputGradient(
      dy, weights: weights, into: dx, arena: arena, using: kernels)
  } else if method == .fastest, FewOutputsConvolution.takes(dx.shape, weights.shape, geometry) {
    FewOutputsConvolution.addInputGradient(
      dy, weights: weights, into: dx, arena: arena, using: kernels)
  } else {
    Im2colConvolution.addInputGradient(
      dy, weights: weights, geometry, into: dx, arena: arena, using: kernels)
  }
}

private func checkShapes(_ x: Shape, _ weights: Shape, _ y: Shape, _ g: ConvolutionGeometry) {
  precondition(
    weights.rows == g.kernel * g.kernel * x.c && y == g.output(x, channels: weights.c),
    "convolution's operands do not fit")
}
