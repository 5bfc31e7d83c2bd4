internal import CKernels

/// What one step of Adam (Kingma & Ba 2015) or AdamW (Loshchilov & Hutter 2019) needs to know.
public struct AdamCoefficients: Sendable {
  /// Of this step, after warm-up.
  public var learningRate: Double
  /// Decay of the first moments.
  public var beta1: Double
  /// Decay of the second moments.
  public var beta2: Double
  /// Added to the root of the second moments.
  public var epsilon: Double
  /// λ; see `decoupled`.
  public var weightDecay: Double
  /// AdamW: the decay acts on the weights; Adam: it is added to the gradient.
  public var decoupled: Bool
  /// Counted from 1, for the bias corrections.
  public var step: Int
  /// Multiplies the gradient first (clipping, and the mean over shards).
  public var gradientScale: Double

  /// All coefficients, as their properties describe them.
  public init(
    learningRate: Double, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double,
    decoupled: Bool, step: Int, gradientScale: Double
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.decoupled = decoupled
    self.step = step
    self.gradientScale = gradientScale
  }
}

/// One Adam step, as PyTorch's `Adam` and `AdamW` compute it; updates weights and moments in place.
public func adamStep(
  weights: Tensor, gradients: Tensor, firstMoments: Tensor, secondMoments: Tensor,
  _ c: AdamCoefficients, using kernels: Kernels = .active
) {
  precondition(
    weights.count == gradients.count && weights.count == firstMoments.count
      && weights.count == secondMoments.count, "operands differ in size")
  let correction1 = 1 - power(c.beta1, c.step)
  let correction2 = 1 - power(c.beta2, c.step)
  let coefficients = ddpm_adam(
    gradient_scale: Float(c.gradientScale), beta1: Float(c.beta1), beta2: Float(c.beta2),
    step_size: Float(c.learningRate / correction1),
    inverse_sqrt_correction2: Float(1 / correction2.squareRoot()), epsilon: Float(c.epsilon),
    complement1: Float(1 - c.beta1), complement2: Float(1 - c.beta2),
    coupled_decay: c.decoupled ? 0 : Float(c.weightDecay),
    decoupled_keep: c.decoupled ? Float(1 - c.learningRate * c.weightDecay) : 1)
  unsafe kernels.functions.adam(
    coefficients, weights.base, gradients.base, firstMoments.base, secondMoments.base,
    Int64(weights.count))
}

/// average = decay·average + (1 − decay)·x.
public func moveAverage(
  _ average: Tensor, toward x: Tensor, decay: Float, using kernels: Kernels = .active
) {
  combine(decay, average, 1 - decay, x, into: average, using: kernels)
}

/// βⁿ by repeated squaring, so that it is the same on every C library.
private func power(_ base: Double, _ exponent: Int) -> Double {
  var result = 1.0
  var square = base
  var n = exponent
  while n > 0 {
    if n & 1 == 1 { result *= square }
    square *= square
    n >>= 1
  }
  return result
}
