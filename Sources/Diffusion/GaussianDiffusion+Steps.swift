public import TensorCore

// Several steps of the forward chain at once, and what an error of ε costs.

extension GaussianDiffusion {
  /// q(xₜ|xₛ) = N(signal · xₛ, variance · I) for 0 ≤ s < t: √(ᾱₜ/ᾱₛ) and 1 − ᾱₜ/ᾱₛ.
  ///
  /// One step (4), s = t − 1; two steps (6)–(7), s = t − 2, where the earlier noise arrives as
  /// √(αₜβₜ₋₁) ε, so that both together have the variance 1 − αₜαₜ₋₁; all steps (9), s = 0.
  public func transition(from s: Int, to t: Int) -> (signal: Double, variance: Double) {
    precondition(0 <= s && s < t, "the forward chain goes forward")
    let ratio = schedule.alphaBar[t] / schedule.alphaBar[s]
    return (ratio.squareRoot(), 1 - ratio)
  }

  /// t − s steps of the forward chain in one go, (7) made general:
  /// xₜ = √(ᾱₜ/ᾱₛ) xₛ + √(1−ᾱₜ/ᾱₛ) ε.
  public func diffuse(_ x: Tensor, from s: Int, to t: Int, noise: Tensor, into output: Tensor) {
    let (signal, variance) = transition(from: s, to: t)
    combine(Float(signal), x, Float(variance.squareRoot()), noise, into: output)
  }

  /// βₜ²/(2σₜ²αₜ(1−ᾱₜ)), what ‖ε − ε_θ‖² is multiplied with in Lₜ₋₁ (18), in nats, for a reverse
  /// chain of variance σₜ². L_simple drops it.
  public func noiseErrorWeight(_ t: Int, variance: Double) -> Double {
    let beta = schedule.beta[t]
    return beta * beta / (2 * variance * schedule.alpha[t] * (1 - schedule.alphaBar[t]))
  }
}
