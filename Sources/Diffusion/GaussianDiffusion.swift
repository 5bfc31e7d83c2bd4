public import TensorCore

/// The forward chain q, its posterior, and the reverse chain p_θ of Ho et al. (2020), written in
/// terms of the noise ε. Numbers in parentheses are those of the lecture notes the project
/// implements; the formulas are the corrected ones.
///
/// Coefficients are computed in Double and applied in Float. Tensors are N×H×W×C, in units in
/// which pixels lie in [−1, 1]; t = 1…T throughout.
public struct GaussianDiffusion: Equatable, Sendable {
  /// The tables βₜ, αₜ, ᾱₜ.
  public let schedule: NoiseSchedule

  /// Diffusion with the given schedule.
  public init(_ schedule: NoiseSchedule) { self.schedule = schedule }

  // MARK: The forward chain q

  /// √ᾱₜ, the factor of x₀ in xₜ (8).
  public func signalScale(_ t: Int) -> Double { schedule.alphaBar[t].squareRoot() }

  /// √(1 − ᾱₜ), the factor of ε in xₜ (8).
  public func noiseScale(_ t: Int) -> Double { (1 - schedule.alphaBar[t]).squareRoot() }

  /// One step of the forward chain (5): xₜ = √(1−βₜ) xₜ₋₁ + √βₜ ε.
  public func diffuseOnce(_ previous: Tensor, t: Int, noise: Tensor, into output: Tensor) {
    combine(
      Float(schedule.alpha[t].squareRoot()), previous, Float(schedule.beta[t].squareRoot()), noise,
      into: output)
  }

  /// t steps of the forward chain in one go (8): xₜ = √ᾱₜ x₀ + √(1−ᾱₜ) ε.
  public func diffuse(_ x0: Tensor, t: Int, noise: Tensor, into output: Tensor) {
    combine(Float(signalScale(t)), x0, Float(noiseScale(t)), noise, into: output)
  }

  /// x̂₀ = (xₜ − √(1−ᾱₜ) ε)/√ᾱₜ, equation (8) solved for the data.
  ///
  /// Where almost nothing of the data is left, √ᾱₜ is taken for 1e-18, so that x̂₀ is finite.
  public func predictData(_ x: Tensor, t: Int, noise: Tensor, into output: Tensor) {
    let signal = max(signalScale(t), 1e-18)
    combine(Float(1 / signal), x, Float(-noiseScale(t) / signal), noise, into: output)
  }

  // MARK: The posterior q(xₜ₋₁ | xₜ, x₀)

  /// β̃ₜ = (1−ᾱₜ₋₁)/(1−ᾱₜ) βₜ, the posterior's variance (15). Zero at t = 1.
  public func posteriorVariance(_ t: Int) -> Double {
    (1 - schedule.alphaBar[t - 1]) / (1 - schedule.alphaBar[t]) * schedule.beta[t]
  }

  /// The factors of xₜ and x₀ in the posterior's mean μ̃ₜ (15):
  /// √αₜ(1−ᾱₜ₋₁)/(1−ᾱₜ) and √ᾱₜ₋₁ βₜ/(1−ᾱₜ).
  public func posteriorMeanFactors(_ t: Int) -> (x: Double, data: Double) {
    let denominator = 1 - schedule.alphaBar[t]
    return (
      x: schedule.alpha[t].squareRoot() * (1 - schedule.alphaBar[t - 1]) / denominator,
      data: schedule.alphaBar[t - 1].squareRoot() * schedule.beta[t] / denominator
    )
  }

  /// μ̃ₜ(xₜ, x₀), the posterior's mean (15).
  public func posteriorMean(_ x: Tensor, data: Tensor, t: Int, into output: Tensor) {
    let factors = posteriorMeanFactors(t)
    combine(Float(factors.x), x, Float(factors.data), data, into: output)
  }

  // MARK: The reverse chain p_θ(xₜ₋₁ | xₜ)

  /// μ_θ(xₜ, t) = (xₜ − βₜ/√(1−ᾱₜ) ε_θ)/√αₜ (17), also the mean of (16) for the true ε;
  /// where αₜ = 0, at the end of a chain with zero terminal SNR, there is none.
  public func reverseMean(_ x: Tensor, t: Int, noise: Tensor, into output: Tensor) {
    let scale = 1 / schedule.alpha[t].squareRoot()
    combine(Float(scale), x, Float(-scale * schedule.beta[t] / noiseScale(t)), noise, into: output)
  }
}
