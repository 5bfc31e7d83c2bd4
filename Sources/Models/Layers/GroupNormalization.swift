internal import TensorCore

/// Group normalisation, followed by SiLU where `silu` says so.
struct GroupNormalization {
  let weight: Parameter
  let bias: Parameter
  let groups: Int
  let epsilon: Float
  let silu: Bool

  /// What the backward pass needs beside the input.
  struct Activations {
    /// N×2·groups.
    let statistics: Tensor
    /// γ and β as applied: the parameters (1×C), or each image's own (N×C).
    let gamma: Tensor
    let beta: Tensor
  }

  init(
    _ name: String, channels: Int, groups: Int, epsilon: Double, silu: Bool,
    _ p: inout ParameterLayout
  ) {
    weight = p.add(name + ".weight", [channels], .constant(1))
    bias = p.add(name + ".bias", [channels], .constant(0))
    self.groups = groups
    self.epsilon = Float(epsilon)
    self.silu = silu
  }

  /// x: N×H×W×C; returns the same shape.
  func forward(_ x: Tensor, _ pass: Pass) -> (Tensor, Activations) {
    forward(x, gamma: pass.weight(weight), beta: pass.weight(bias), pass)
  }

  /// norm(x)·(1 + scale) + shift before SiLU, with `scaleShift`: N×2C, scale then shift.
  func forward(_ x: Tensor, scaleShift: Tensor, _ pass: Pass) -> (Tensor, Activations) {
    let (n, c) = (x.shape.n, x.shape.c)
    let gamma = pass.arena.take(Shape(rows: n, columns: c))
    let beta = pass.arena.take(Shape(rows: n, columns: c))
    let weights = unsafe pass.weight(weight).elements
    let biases = unsafe pass.weight(bias).elements
    let modulation = unsafe scaleShift.elements
    for image in 0..<n {
      for j in 0..<c {
        let scale = unsafe 1 + modulation[image * 2 * c + j]
        let shift = unsafe modulation[image * 2 * c + c + j]
        unsafe gamma.elements[image * c + j] = weights[j] * scale
        unsafe beta.elements[image * c + j] = biases[j] * scale + shift
      }
    }
    return forward(x, gamma: gamma, beta: beta, pass)
  }

  private func forward(_ x: Tensor, gamma: Tensor, beta: Tensor, _ pass: Pass) -> (
    Tensor, Activations
  ) {
    let statistics = pass.arena.take(Shape(rows: x.shape.n, columns: 2 * groups))
    pass.run(.groupNorm, .forward, x.shape, outputs: x.shape.c) {
      groupStatistics(x, groups: groups, epsilon: epsilon, into: statistics)
    }
    let saved = Activations(statistics: statistics, gamma: gamma, beta: beta)
    return (normalize(x, saved, pass), saved)
  }

  /// What `forward` returned, made again: cheaper than keeping it until the backward pass.
  func normalize(_ x: Tensor, _ saved: Activations, _ pass: Pass) -> Tensor {
    let y = pass.arena.take(x.shape)
    pass.run(.groupNorm, .forward, x.shape, outputs: x.shape.c) {
      groupNormalize(
        x, gamma: saved.gamma, beta: saved.beta, groups: groups, silu: silu,
        statistics: saved.statistics, into: y)
    }
    return y
  }

  /// Turns dy in place into the input's gradient and adds the parameters' gradients.
  func backward(_ dy: Tensor, x: Tensor, _ saved: Activations, _ pass: Pass) {
    let (gammas, betas) = imageGradients(dy, x: x, saved, pass)
    addColumnSums(gammas, into: pass.gradient(weight))
    addColumnSums(betas, into: pass.gradient(bias))
    pass.arena.recycle(gammas)
    pass.arena.recycle(betas)
  }

  /// As `backward`, for a forward pass with `scaleShift`; returns the gradient of that, N×2C.
  func backward(
    _ dy: Tensor, x: Tensor, _ saved: Activations, scaleShift: Tensor, _ pass: Pass
  ) -> Tensor {
    let (n, c) = (x.shape.n, x.shape.c)
    let (gammas, betas) = imageGradients(dy, x: x, saved, pass)
    let gradient = pass.arena.take(scaleShift.shape)
    let weights = unsafe pass.weight(weight).elements
    let biases = unsafe pass.weight(bias).elements
    let weightGradient = unsafe pass.gradient(weight).elements
    let biasGradient = unsafe pass.gradient(bias).elements
    for image in 0..<n {
      for j in 0..<c {
        let scale = unsafe 1 + scaleShift.elements[image * 2 * c + j]
        let (dGamma, dBeta) = unsafe (gammas.elements[image * c + j], betas.elements[image * c + j])
        unsafe weightGradient[j] += dGamma * scale
        unsafe biasGradient[j] += dBeta * scale
        unsafe gradient.elements[image * 2 * c + j] = dGamma * weights[j] + dBeta * biases[j]
        unsafe gradient.elements[image * 2 * c + c + j] = dBeta
      }
    }
    pass.arena.recycle(gammas)
    pass.arena.recycle(betas)
    return gradient
  }

  /// Turns dy into dx and returns each image's gradients of γ and β as applied, N×C each.
  private func imageGradients(_ dy: Tensor, x: Tensor, _ saved: Activations, _ pass: Pass) -> (
    gamma: Tensor, beta: Tensor
  ) {
    let shape = Shape(rows: x.shape.n, columns: x.shape.c)
    let (gammas, betas) = (pass.arena.take(shape), pass.arena.take(shape))
    pass.run(.groupNorm, .backward, x.shape, outputs: x.shape.c) {
      groupNormBackward(
        dy, x: x, gamma: saved.gamma, beta: saved.beta, groups: groups, silu: silu,
        statistics: saved.statistics, into: dy, gammaGradients: gammas, betaGradients: betas,
        arena: pass.arena)
    }
    return (gammas, betas)
  }
}
