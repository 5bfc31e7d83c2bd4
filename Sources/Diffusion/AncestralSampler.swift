public import ModelConfig
public import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// Algorithm 2 of Ho et al. (2020), xₜ₋₁ = μ_θ(xₜ, t) + σₜ z with z = 0 in the last step, over the
/// full chain t = T…1 or a respaced one.
///
/// A chain respaced to timesteps t₁ < … < t_S is the diffusion whose ᾱ are those of the timesteps
/// visited (Nichol & Dhariwal 2021, section 4): its βₛ is 1 − ᾱ(tₛ)/ᾱ(tₛ₋₁).
///
/// σₜ² is β̃ₜ (`fixed_small`), βₜ (`fixed_large`), or what the network says between the two
/// (`learned_range`, Nichol & Dhariwal, equation 15). The mean is the posterior's at x̂₀, clipped or
/// thresholded if the config says so; from an ε that nothing limits it is (17), which is the same.
///
/// As diffusers' `DDPMScheduler`; only that noise never enters in the last step, which there it does
/// if that is not at timestep 0.
public struct AncestralSampler: Sampler {
  /// Of the chain that is walked: step s = 1…S.
  private let diffusion: GaussianDiffusion
  private let parameterization: Parameterization
  private let limit: DataLimit
  private let variance: VarianceType
  private let isMeanOfNoise: Bool

  /// T − 1 … 0, or a part of these.
  public let timesteps: [Int]

  /// The sampler a scheduler's config describes.
  ///
  /// - steps: of the respaced chain, for which the config has timesteps; nil is the full chain.
  public init(_ config: SchedulerConfig, steps: Int? = nil) {
    timesteps = steps.map { config.chain(of: $0) } ?? (0..<config.numTrainTimesteps).reversed()
    diffusion = GaussianDiffusion(NoiseSchedule(config).respaced(to: timesteps))
    parameterization = Parameterization(diffusion, config.predictionType)
    limit = DataLimit(config)
    variance = config.varianceType
    isMeanOfNoise = limit == .none && config.predictionType == .epsilon
  }

  /// One step of the chain; see `Sampler`.
  public func update(
    _ x: Tensor, carried: [Tensor], at position: Int, prediction: Tensor,
    noise: (Tensor) -> Void
  ) {
    let s = timesteps.count - position
    withDeviation(s, prediction) { deviation in
      // x̂₀, then z: of an output with a learned variance, whose half is read by now, one half.
      let scratch = prediction.part(at: 0, x.shape)
      if isMeanOfNoise && prediction.shape == x.shape {
        diffusion.reverseMean(x, t: s, noise: prediction, into: x)
      } else {
        parameterization.data(prediction, x: x, t: s, into: scratch)
        limit.apply(to: scratch)
        diffusion.posteriorMean(x, data: scratch, t: s, into: x)
      }
      guard s > 1 else { return }
      noise(scratch)
      switch deviation {
      case .of(let sigma): combine(1, x, sigma, scratch, into: x)
      case .each(let sigmas):
        for i in 0..<x.count { unsafe x.elements[i] += sigmas.elements[i] * scratch.elements[i] }
      }
    }
  }

  /// σₛ of an image's elements.
  private enum Deviation {
    case of(Float)
    case each(Tensor)
  }

  private func withDeviation(_ s: Int, _ output: Tensor, _ body: (Deviation) -> Void) {
    switch variance {
    case .fixedSmall: body(.of(Float(diffusion.posteriorVariance(s).squareRoot())))
    case .fixedLarge: body(.of(Float(diffusion.schedule.beta[s].squareRoot())))
    case .learnedRange:
      let shape = output.shape
      withScratch(Shape(shape.n, shape.h, shape.w, shape.c / 2)) { sigmas in
        copyChannels(from: shape.c / 2, of: output, into: sigmas)
        let step = ReverseStep(diffusion, variance: variance, t: s)
        for i in 0..<sigmas.count {
          let logVariance = step.logVariance(Double(unsafe sigmas.elements[i]))
          unsafe sigmas.elements[i] = Float(exp(logVariance / 2))
        }
        body(.each(sigmas))
      }
    }
  }
}
