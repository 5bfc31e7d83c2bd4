/// 3×3 convolutions from many channels to few, such as a network's last one.
///
/// Patches of the many channels would be nine times the input, multiplied with a narrow matrix. The
/// same convolution seen from the other side, as the input gradient of one from the few channels to
/// the many with the kernel turned by 180°, has patches of the few channels only.
enum FewOutputsConvolution {
  static func takes(_ x: Shape, _ weights: Shape, _ geometry: ConvolutionGeometry) -> Bool {
    geometry == .same3x3 && weights.c <= 4 && x.c >= 16
  }

  /// y += conv(x).
  static func convolve(
    _ x: Tensor, weights: Tensor, into y: Tensor, arena: Arena, using kernels: Kernels
  ) {
    let turned = turn(weights, turnedShape(x.shape, y.shape), arena)
    Im2colConvolution.addInputGradient(
      x, weights: turned, .same3x3, into: y, arena: arena, using: kernels)
    arena.recycle(turned)
  }

  /// dw += the gradient of the weights.
  static func weightGradient(
    _ x: Tensor, _ dy: Tensor, into dw: Tensor, arena: Arena, using kernels: Kernels
  ) {
    let turned = arena.take(turnedShape(x.shape, dy.shape))
    fill(turned, with: 0)
    Im2colConvolution.weightGradient(dy, x, .same3x3, into: turned, arena: arena, using: kernels)
    forEachWeight(turned) { unsafe dw.elements[$0] += turned.elements[$1] }
    arena.recycle(turned)
  }

  /// dx += the gradient of the input.
  static func addInputGradient(
    _ dy: Tensor, weights: Tensor, into dx: Tensor, arena: Arena, using kernels: Kernels
  ) {
    let turned = turn(weights, turnedShape(dx.shape, dy.shape), arena)
    Im2colConvolution.convolve(
      dy, weights: turned, .same3x3, into: dx, arena: arena, using: kernels)
    arena.recycle(turned)
  }

  /// The kernel turned by 180°, with inputs and outputs in each other's place; to be recycled.
  private static func turn(_ weights: Tensor, _ shape: Shape, _ arena: Arena) -> Tensor {
    let turned = arena.take(shape)
    forEachWeight(turned) { unsafe turned.elements[$1] = weights.elements[$0] }
    return turned
  }

  /// 9·O × I.
  private static func turnedShape(_ x: Shape, _ y: Shape) -> Shape {
    Shape(rows: 9 * y.c, columns: x.c)
  }

  /// Calls `body` with each weight's index in 3×3×I×O and in the turned 3×3×O×I.
  private static func forEachWeight(_ turned: Tensor, _ body: (_ index: Int, _ turned: Int) -> Void)
  {
    let (inputs, outputs) = (turned.shape.c, turned.shape.rows / 9)
    for tap in 0..<9 {
      for i in 0..<inputs {
        for o in 0..<outputs {
          body((tap * inputs + i) * outputs + o, ((8 - tap) * outputs + o) * inputs + i)
        }
      }
    }
  }
}
