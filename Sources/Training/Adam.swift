import TensorCore

/// Adam (Kingma & Ba 2015) or AdamW (Loshchilov & Hutter 2019), as PyTorch computes them.
public struct Adam: Equatable, Sendable {
  /// β₁, the decay of the first moments.
  public var beta1 = 0.9
  /// β₂, the decay of the second moments.
  public var beta2 = 0.999
  /// ε, added to the root of the second moments.
  public var epsilon = 1e-8
  /// λ.
  public var weightDecay = 0.0
  /// AdamW: λ acts on the weights themselves; Adam: on the gradient.
  public var decoupled = false

  /// PyTorch's defaults.
  public init() {}

  /// What step number `step`, counted from 1, works with.
  func coefficients(step: Int, learningRate: Double, gradientScale: Double) -> AdamCoefficients {
    AdamCoefficients(
      learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
      weightDecay: weightDecay, decoupled: decoupled, step: step, gradientScale: gradientScale)
  }
}
