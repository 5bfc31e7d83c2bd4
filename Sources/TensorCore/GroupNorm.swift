internal import CKernels

/// The statistics of group normalisation (Wu & He 2018): over H, W and a group's channels.
///
/// - x: N×H×W×C.
/// - statistics: N×2·groups, receives means, then 1/√(var + ε).
public func groupStatistics(
  _ x: Tensor, groups: Int, epsilon: Float, into statistics: Tensor,
  using kernels: Kernels = .active
) {
  let s = x.shape
  precondition(s.c % groups == 0, "groups do not fit the input")
  precondition(statistics.shape == Shape(rows: s.n, columns: 2 * groups), "statistics do not fit")
  for i in 0..<s.n {
    let stats = statistics.images(i..<i + 1)
    unsafe kernels.functions.group_statistics(
      x.images(i..<i + 1).base, stats.base, stats.base + groups, Int64(s.h * s.w), Int64(s.c),
      Int64(groups), epsilon)
  }
}

/// Group normalisation, given the statistics, with SiLU fused behind it where asked for:
/// y = act(γ·(x − mean)/√(var + ε) + β).
///
/// - x, y: N×H×W×C.
/// - gamma, beta: 1×C, or N×C where each image has its own.
public func groupNormalize(
  _ x: Tensor, gamma: Tensor, beta: Tensor, groups: Int, silu: Bool, statistics: Tensor,
  into y: Tensor, using kernels: Kernels = .active
) {
  let s = x.shape
  precondition(y.shape == s && s.c % groups == 0, "output or groups do not fit the input")
  precondition(statistics.shape == Shape(rows: s.n, columns: 2 * groups), "statistics do not fit")
  for i in 0..<s.n {
    let stats = statistics.images(i..<i + 1)
    unsafe kernels.functions.group_normalize(
      x.images(i..<i + 1).base, row(i, of: gamma, like: s).base, row(i, of: beta, like: s).base,
      stats.base, stats.base + groups, y.images(i..<i + 1).base, Int64(s.h * s.w), Int64(s.c),
      Int64(groups), silu)
  }
}

/// The gradients of group normalisation, given its input, parameters and statistics.
///
/// - dx: receives the gradient of x; may be dy.
/// - gammaGradients, betaGradients: N×C, receive each image's share.
public func groupNormBackward(
  _ dy: Tensor, x: Tensor, gamma: Tensor, beta: Tensor, groups: Int, silu: Bool,
  statistics: Tensor, into dx: Tensor, gammaGradients: Tensor, betaGradients: Tensor,
  arena: Arena, using kernels: Kernels = .active
) {
  let s = x.shape
  precondition(dy.shape == s && dx.shape == s && s.c % groups == 0, "gradients do not fit")
  let perImage = Shape(rows: s.n, columns: s.c)
  precondition(gammaGradients.shape == perImage && betaGradients.shape == perImage)
  precondition(statistics.shape == Shape(rows: s.n, columns: 2 * groups), "statistics do not fit")
  let scratch = arena.take(Shape(rows: 2, columns: s.c))
  defer { arena.recycle(scratch) }
  for i in 0..<s.n {
    let stats = statistics.images(i..<i + 1)
    unsafe kernels.functions.group_norm_backward(
      x.images(i..<i + 1).base, row(i, of: gamma, like: s).base, row(i, of: beta, like: s).base,
      stats.base, stats.base + groups, dy.images(i..<i + 1).base, dx.images(i..<i + 1).base,
      gammaGradients.images(i..<i + 1).base, betaGradients.images(i..<i + 1).base, scratch.base,
      Int64(s.h * s.w), Int64(s.c), Int64(groups), silu)
  }
}

private func row(_ image: Int, of parameter: Tensor, like shape: Shape) -> Tensor {
  precondition(parameter.shape.c == shape.c, "parameter differs in channels")
  if parameter.shape.rows == 1 { return parameter }
  precondition(parameter.shape.rows == shape.n, "neither one row nor one an image")
  return parameter.images(image..<image + 1)
}
