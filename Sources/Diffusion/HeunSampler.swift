public import ModelConfig
public import TensorCore

/// Heun's second-order method on the probability-flow ODE: Karras et al. (2022), "Elucidating the
/// Design Space of Diffusion-Based Generative Models", Algorithm 1, at the timesteps of the chain.
///
/// With y = x/√ᾱ and σ = √((1−ᾱ)/ᾱ) the ODE is dy/dσ = (y − x̂₀)/σ. A step from σ to σ′ asks the network
/// twice: Euler's y + (σ′ − σ) d, then the same from y with the mean of d and the slope d′ that is
/// found there. The last step, to σ′ = 0, and one from where σ is infinite or nearly, are Euler's
/// alone.
///
/// As diffusers' `HeunDiscreteScheduler` at whole timesteps, but from x_T ~ N(0, I), which
/// there has the variance 1 − ᾱ_T, or 1/√ᾱ_T in units of y.
public struct HeunSampler: Sampler {
  private enum Half {
    case euler
    case correction
  }

  private let diffusion: GaussianDiffusion
  private let parameterization: Parameterization
  private let limit: DataLimit
  /// At each position the half of the step and where the step goes, t = 0…T.
  private let halves: [(half: Half, from: Int, to: Int)]

  /// Those of the config's spacing; the network is asked twice at all but the first.
  public let timesteps: [Int]
  /// x at the beginning of the step.
  public var carried: Int { 1 }

  /// - steps: a number for which the config has timesteps.
  public init(_ config: SchedulerConfig, steps: Int) {
    diffusion = GaussianDiffusion(NoiseSchedule(config))
    parameterization = Parameterization(diffusion, config.predictionType)
    limit = DataLimit(config)
    let ends = config.chain(of: steps).map { $0 + 1 } + [0]
    var halves: [(half: Half, from: Int, to: Int)] = []
    for (from, to) in zip(ends, ends.dropFirst()) {
      halves.append((.euler, from, to))
      if to > 0 && diffusion.schedule.alphaBar[from] > 1e-12 {
        halves.append((.correction, from, to))
      }
    }
    self.halves = halves
    timesteps = halves.map { ($0.half == .euler ? $0.from : $0.to) - 1 }
  }

  /// Half a step; see `Sampler`.
  public func update(
    _ x: Tensor, carried: [Tensor], at position: Int, prediction: Tensor,
    noise: (Tensor) -> Void
  ) {
    let (half, from, to) = halves[position]
    let start = carried[0]
    let data = prediction.part(at: 0, x.shape)
    parameterization.data(prediction, x: x, t: half == .euler ? from : to, into: data)
    limit.apply(to: data)

    let signals = (from: diffusion.signalScale(from), to: diffusion.signalScale(to))
    let deviations = (from: diffusion.noiseScale(from), to: diffusion.noiseScale(to))
    switch half {
    case .euler:
      // √ᾱ′ (y + (σ′ − σ)(y − x̂₀)/σ)
      copy(x, into: start)
      let ratio = deviations.to / deviations.from
      combine(Float(ratio), x, Float(signals.to - signals.from * ratio), data, into: x)
    case .correction:
      // The mean of Euler's x′ and √ᾱ′ (y + (σ′ − σ)(y′ − x̂₀′)/σ′).
      let ratio = deviations.from * signals.to / (signals.from * deviations.to)
      combine(
        Float((2 - ratio) / 2), x, Float(-signals.to * (1 - ratio) / 2), data, into: x)
      combine(1, x, Float(signals.to / signals.from / 2), start, into: x)
    }
  }
}
