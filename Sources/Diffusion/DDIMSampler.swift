public import ModelConfig
public import TensorCore

/// DDIM: Song, Meng, Ermon (2021), "Denoising Diffusion Implicit Models", equations 12 and 16.
///
/// Visits `steps` of the chain's T timesteps. With x̂₀ and ε̂ from the network, s where the step leads
/// and σ = η √((1−ᾱₛ)/(1−ᾱₜ)) √(1−ᾱₜ/ᾱₛ): xₛ = √ᾱₛ x̂₀ + √(1−ᾱₛ−σ²) ε̂ + σ z. η = 0 is deterministic.
///
/// As diffusers' `DDIMScheduler` with `use_clipped_model_output: false`: s = t − ⌊T/steps⌋ whatever
/// the timesteps' spacing, and the last step leads to ᾱ = 1, or to ᾱ₁ if not `set_alpha_to_one`.
public struct DDIMSampler: Sampler {
  private let diffusion: GaussianDiffusion
  private let parameterization: Parameterization
  private let limit: DataLimit
  private let eta: Double
  /// The length of a step along the chain.
  private let stride: Int
  /// ᾱ where the last step leads.
  private let finalAlphaBar: Double

  /// Those of the config's spacing.
  public let timesteps: [Int]

  /// - steps: a number for which the config has timesteps.
  /// - eta: 0 … 1.
  public init(_ config: SchedulerConfig, steps: Int, eta: Double) {
    precondition((0...1).contains(eta), "η lies in 0 … 1")
    diffusion = GaussianDiffusion(NoiseSchedule(config))
    parameterization = Parameterization(diffusion, config.predictionType)
    limit = DataLimit(config)
    self.eta = eta
    stride = config.numTrainTimesteps / steps
    finalAlphaBar = config.setAlphaToOne ? 1 : diffusion.schedule.alphaBar[1]
    timesteps = config.chain(of: steps)
  }

  /// One step of the chain; see `Sampler`.
  public func update(
    _ x: Tensor, carried: [Tensor], at position: Int, prediction: Tensor,
    noise: (Tensor) -> Void
  ) {
    let t = timesteps[position] + 1
    let alphaBar = diffusion.schedule.alphaBar[t]
    let next = t - stride < 1 ? finalAlphaBar : diffusion.schedule.alphaBar[t - stride]
    let sigma = eta * ((1 - next) / (1 - alphaBar) * (1 - alphaBar / next)).squareRoot()
    withScratch(x.shape) { epsilon in
      parameterization.noise(prediction, x: x, t: t, into: epsilon)
      parameterization.data(prediction, x: x, t: t, into: x)
      limit.apply(to: x)
      let direction = max(1 - next - sigma * sigma, 0).squareRoot()
      combine(Float(next.squareRoot()), x, Float(direction), epsilon, into: x)
      guard sigma > 0 else { return }
      noise(epsilon)
      combine(1, x, Float(sigma), epsilon, into: x)
    }
  }
}
