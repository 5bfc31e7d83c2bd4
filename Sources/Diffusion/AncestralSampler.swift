public import ModelConfig
public import TensorCore

/// Algorithm 2 of Ho et al. (2020), over the full chain t = T…1:
/// xₜ₋₁ = μ_θ(xₜ, t) + σₜ z, with z = 0 at t = 1.
///
/// σₜ² is β̃ₜ (`fixed_small`) or βₜ (`fixed_large`). With `clip_sample`, x̂₀ is clipped to
/// ±`clip_sample_range` and the mean is the posterior's at the clipped x̂₀, as diffusers'
/// `DDPMScheduler` does it; without it this is the same as the mean (17).
public struct AncestralSampler: Sampler {
  private let diffusion: GaussianDiffusion
  private let clipping: Float?
  private let variance: VarianceType

  /// T − 1 … 0.
  public let timesteps: [Int]

  /// The sampler a scheduler's config describes.
  public init(_ config: SchedulerConfig) {
    diffusion = GaussianDiffusion(NoiseSchedule(config))
    clipping = config.clipSample ? Float(config.clipSampleRange) : nil
    variance = config.varianceType
    timesteps = (0..<config.numTrainTimesteps).reversed()
  }

  /// σₜ², the variance of step t = 1…T.
  public func variance(_ t: Int) -> Double {
    switch variance {
    case .fixedSmall: diffusion.posteriorVariance(t)
    case .fixedLarge, .learnedRange: diffusion.schedule.beta[t]
    }
  }

  /// One step of the chain; see `Sampler`.
  public func update(
    _ x: Tensor, carried: [Tensor], at position: Int, prediction: Tensor,
    noise: (Tensor) -> Void
  ) {
    let t = diffusion.schedule.steps - position
    if let clipping {
      let data = prediction
      diffusion.predictData(x, t: t, noise: prediction, into: data)
      clamp(data, to: clipping)
      diffusion.posteriorMean(x, data: data, t: t, into: x)
    } else {
      diffusion.reverseMean(x, t: t, noise: prediction, into: x)
    }
    guard t > 1 else { return }
    noise(prediction)
    combine(1, x, Float(variance(t).squareRoot()), prediction, into: x)
  }
}
