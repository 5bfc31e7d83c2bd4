public import ModelConfig
public import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// DPM-Solver++: Lu et al. (2022), "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion
/// Probabilistic Models", the multistep solver 2M of Algorithm 2, or its first order.
///
/// With α = √ᾱ, σ = √(1−ᾱ), λ = ln α/σ, and h the growth of λ in a step from s to t:
/// xₜ = σₜ/σₛ xₛ + αₜ(1 − e^{−h}) x̂₀ is first order (and DDIM with η = 0); second order adds a multiple
/// of D₁ = (x̂₀ − x̂₀′) h/h′, where primes mean the step before: ½ αₜ(1 − e^{−h}) D₁ (`midpoint`) or
/// αₜ((e^{−h} − 1)/h + 1) D₁ (`heun`). The first step and the last, which leads to ᾱ = 1, are first
/// order.
///
/// As diffusers' `DPMSolverMultistepScheduler` with `algorithm_type` dpmsolver++ and
/// `final_sigmas_type` zero. Like there, `clip_sample` has no part in it, thresholding has, and ᾱ_T
/// of a chain with zero terminal SNR is taken for 2⁻²⁴.
public struct DPMSolverSampler: Sampler {
  /// Where a step begins or ends: √ᾱ, √(1−ᾱ) and the logarithm of their ratio.
  private struct Level {
    var signal: Double
    var deviation: Double
    var lambda: Double { log(signal) - log(deviation) }
  }

  private let parameterization: Parameterization
  private let limit: DataLimit
  private let order: Int
  private let solver: DPMSolverType
  /// One for each timestep, and the data's.
  private let levels: [Level]

  /// Those of the config's spacing, without timestep 0.
  public let timesteps: [Int]
  /// x̂₀ of the step before, for second order.
  public var carried: Int { order - 1 }

  /// - steps: a number for which the config has timesteps above zero.
  /// - order: 1 or 2.
  public init(
    _ config: SchedulerConfig, steps: Int, order: Int = 2, solver: DPMSolverType = .midpoint
  ) {
    precondition((1...2).contains(order), "first or second order")
    let diffusion = GaussianDiffusion(NoiseSchedule(config).withPositiveTerminal())
    parameterization = Parameterization(diffusion, config.predictionType)
    var unclipped = config
    unclipped.clipSample = false
    limit = DataLimit(unclipped)
    self.order = order
    self.solver = solver
    timesteps = config.chain(of: steps, aboveZero: true)
    levels =
      timesteps.map {
        Level(signal: diffusion.signalScale($0 + 1), deviation: diffusion.noiseScale($0 + 1))
      } + [Level(signal: 1, deviation: 0)]
  }

  /// One step of the chain; see `Sampler`.
  public func update(
    _ x: Tensor, carried: [Tensor], at position: Int, prediction: Tensor,
    noise: (Tensor) -> Void
  ) {
    let data = prediction.part(at: 0, x.shape)
    parameterization.data(prediction, x: x, t: timesteps[position] + 1, into: data)
    limit.apply(to: data)

    let (start, end) = (levels[position], levels[position + 1])
    let ratio = end.deviation / start.deviation
    let gain = end.signal - start.signal * ratio
    let isFirstOrder = order == 1 || position == 0 || position == timesteps.count - 1
    let h = end.lambda - start.lambda
    let before = isFirstOrder ? 0 : start.lambda - levels[position - 1].lambda
    // Where nothing is left of the data, λ may stand still.
    if before == 0 || h == 0 {
      combine(Float(ratio), x, Float(gain), data, into: x)
    } else {
      let slope =
        switch solver {
        case .midpoint: gain / 2
        case .heun: end.signal - gain / h
        }
      let factor = slope * h / before
      combine(Float(ratio), x, Float(gain + factor), data, into: x)
      combine(1, x, Float(-factor), carried[0], into: x)
    }
    if order == 2 { copy(data, into: carried[0]) }
  }
}
