import ModelConfig

#if canImport(Glibc)
  import Glibc
#endif

/// Step t of the reverse chain (12), p_θ(xₜ₋₁ | xₜ) = N(μ_θ, Σ_θ), against what it should be, in
/// Double and for one element of an image: the value that the bound (14) adds, and its slopes.
///
/// μ_θ is the posterior's mean at the network's x̂₀, so that the means differ by
/// √ᾱₜ₋₁ βₜ/(1−ᾱₜ) (x₀ − x̂₀), whatever the network predicts.
struct ReverseStep: Sendable {
  /// ln σ² of `fixed_small` or `fixed_large`; the ends between which a learned one lies
  /// (Nichol & Dhariwal 2021, equation 15): ln β̃ₜ and ln βₜ.
  let logVariances: (small: Double, large: Double)

  /// t = 1, the decoder's step.
  let isLast: Bool
  /// √ᾱₜ₋₁ βₜ/(1−ᾱₜ), the factor of x₀ in the mean.
  private let dataFactor: Double
  /// β̃ₜ, not used at t = 1, where it is 0.
  private let posteriorVariance: Double

  /// Step t = 1…T.
  ///
  /// At t = 1 the posterior is a point; as Ho et al. do, β̃₂ takes the place of β̃₁ there, and of
  /// β₁ for `fixed_large`. A chain of one step has β₁ only.
  init(_ diffusion: GaussianDiffusion, variance: VarianceType, t: Int) {
    let schedule = diffusion.schedule
    isLast = t == 1
    dataFactor = diffusion.posteriorMeanFactors(t).data
    posteriorVariance = diffusion.posteriorVariance(t)
    let small =
      schedule.steps == 1 ? schedule.beta[1] : diffusion.posteriorVariance(max(t, 2))
    let large = schedule.beta[t]
    logVariances =
      switch variance {
      case .fixedSmall: (log(small), log(small))
      case .fixedLarge: isLast ? (log(small), log(small)) : (log(large), log(large))
      case .learnedRange: (log(small), log(large))
      }
  }

  /// ∂ ln σ²/∂ the network's variance output.
  var logVarianceSlope: Double { (logVariances.large - logVariances.small) / 2 }

  /// ln σ² where the network's variance output is `output`: −1 is the small end, 1 the large one.
  /// Without a learned variance the ends are the same.
  func logVariance(_ output: Double) -> Double {
    logVariances.small + (output + 1) * logVarianceSlope
  }

  /// KL(q(xₜ₋₁|xₜ,x₀) ‖ p_θ(xₜ₋₁|xₜ)) for t ≥ 2, −ln p_θ(x₀|x₁) for t = 1; in nats.
  ///
  /// - data: x₀.
  /// - estimate: x̂₀.
  func term(data: Double, estimate: Double, logVariance: Double) -> BoundTerm {
    let variance = exp(logVariance)
    if isLast {
      let (value, byMean, byLogVariance) = DiscretizedDecoder.logLikelihoodAndSlopes(
        data, under: Normal(mean: estimate, variance: variance))
      return BoundTerm(nats: -value, byEstimate: -byMean, byLogVariance: -byLogVariance)
    }
    let difference = dataFactor * (estimate - data)
    let truth = Normal(mean: 0, variance: posteriorVariance)
    return BoundTerm(
      nats: truth.divergence(from: Normal(mean: difference, variance: variance)),
      byEstimate: dataFactor * difference / variance,
      byLogVariance: 0.5 * (1 - (posteriorVariance + difference * difference) / variance))
  }
}

/// What one element adds to the bound, with its derivatives.
struct BoundTerm {
  /// The value.
  var nats: Double
  /// ∂/∂x̂₀.
  var byEstimate: Double
  /// ∂/∂ ln σ².
  var byLogVariance: Double
}
