public import ModelConfig
public import TensorCore

/// DDIM: Song, Meng, Ermon (2021), "Denoising Diffusion Implicit Models", equations 12 and 16.
///
/// Visits `steps` of the chain's T timesteps. With x̂₀ from ε_θ, s the next timestep on the way and
/// σ = η √((1−ᾱₛ)/(1−ᾱₜ)) √(1−ᾱₜ/ᾱₛ): xₛ = √ᾱₛ x̂₀ + √(1−ᾱₛ−σ²) ε_θ + σ z. η = 0 is deterministic.
///
/// Timesteps and clipping are those of diffusers' `DDIMScheduler` with `timestep_spacing: leading`,
/// `set_alpha_to_one: true` and `use_clipped_model_output: false`.
public struct DDIMSampler: Sampler {
  private let diffusion: GaussianDiffusion
  private let clipping: Float?
  private let eta: Double
  /// Distance of two timesteps of the way.
  private let stride: Int

  /// 0, stride, 2 stride, … backwards.
  public let timesteps: [Int]

  /// - steps: 1 … T.
  /// - eta: 0 … 1.
  public init(_ config: SchedulerConfig, steps: Int, eta: Double) {
    precondition((1...config.numTrainTimesteps).contains(steps), "1 … T steps")
    precondition((0...1).contains(eta), "η lies in 0 … 1")
    diffusion = GaussianDiffusion(NoiseSchedule(config))
    clipping = config.clipSample ? Float(config.clipSampleRange) : nil
    self.eta = eta
    let stride = config.numTrainTimesteps / steps
    self.stride = stride
    timesteps = (0..<steps).reversed().map { $0 * stride }
  }

  /// One step of the chain; see `Sampler`.
  public func update(
    _ x: Tensor, carried: [Tensor], at position: Int, prediction: Tensor,
    noise: (Tensor) -> Void
  ) {
    let t = timesteps[position] + 1
    let next = max(t - stride, 0)
    let alphaBar = diffusion.schedule.alphaBar
    let sigma =
      eta
      * ((1 - alphaBar[next]) / (1 - alphaBar[t]) * (1 - alphaBar[t] / alphaBar[next])).squareRoot()

    let data = x
    diffusion.predictData(x, t: t, noise: prediction, into: data)
    if let clipping { clamp(data, to: clipping) }
    let direction = max(1 - alphaBar[next] - sigma * sigma, 0).squareRoot()
    combine(Float(diffusion.signalScale(next)), data, Float(direction), prediction, into: x)
    guard sigma > 0 else { return }
    noise(prediction)
    combine(1, x, Float(sigma), prediction, into: x)
  }
}
