public import ModelConfig

/// How x_T becomes x₀ (the section `sampler` of a sample job).
public struct SamplerSpec: Equatable, Sendable {
  /// The method (key `type`).
  public enum Method: String, CaseIterable, Sendable {
    /// Algorithm 2 of Ho et al. (2020), over the full chain or a part of it.
    case ddpm
    /// Song, Meng, Ermon (2021).
    case ddim
    /// Lu et al. (2022).
    case dpmSolver = "dpm_solver++"
    /// Heun's method on the probability-flow ODE.
    case heun
  }
  /// What each step does.
  public var method: Method
  /// Steps of the shortened chain; nil, for `ddpm` only, is the full chain.
  public var steps: Int?
  /// DDIM's noise: 0 is deterministic, 1 as much as ancestral sampling.
  public var eta = 0.0
  /// DPM-Solver++'s order, 1 or 2.
  public var solverOrder = 2
  /// What DPM-Solver++'s second order adds.
  public var solverType = DPMSolverType.midpoint
  /// What differs from the model's scheduler.
  public var overrides = Overrides()

  /// Keys of the model's scheduler that the job may state anew; nil leaves the model's.
  public struct Overrides: Equatable, Sendable {
    /// σ² of ancestral sampling, fixed small or large.
    public var varianceType: VarianceType?
    /// Which timesteps a shortened chain visits.
    public var timestepSpacing: TimestepSpacing?
    /// Added to the timesteps of `leading` spacing.
    public var stepsOffset: Int?
    /// Whether DDIM's last step goes to the data.
    public var setAlphaToOne: Bool?
    /// Whether x̂₀ is clipped.
    public var clipSample: Bool?
    /// Where x̂₀ is clipped.
    public var clipSampleRange: Double?
    /// Whether x̂₀ is thresholded.
    public var thresholding: Bool?
    /// The quantile of |x̂₀| that becomes the threshold.
    public var dynamicThresholdingRatio: Double?
    /// The largest threshold.
    public var sampleMaxValue: Double?

    /// None.
    public init() {}
  }

  /// A method with the model's settings.
  public init(_ method: Method, steps: Int? = nil) {
    self.method = method
    self.steps = steps
  }

  /// Algorithm 2 over the full chain.
  public static let ddpm = SamplerSpec(.ddpm)

  /// DDIM over `steps` steps.
  public static func ddim(steps: Int, eta: Double) -> SamplerSpec {
    var spec = SamplerSpec(.ddim, steps: steps)
    spec.eta = eta
    return spec
  }

  /// The model's scheduler with what the job states anew.
  public func scheduler(of model: SchedulerConfig) -> SchedulerConfig {
    var config = model
    func set<Value>(_ key: WritableKeyPath<SchedulerConfig, Value>, _ value: Value?) {
      if let value { config[keyPath: key] = value }
    }
    set(\.varianceType, overrides.varianceType)
    set(\.timestepSpacing, overrides.timestepSpacing)
    set(\.stepsOffset, overrides.stepsOffset)
    set(\.setAlphaToOne, overrides.setAlphaToOne)
    set(\.clipSample, overrides.clipSample)
    set(\.clipSampleRange, overrides.clipSampleRange)
    set(\.thresholding, overrides.thresholding)
    set(\.dynamicThresholdingRatio, overrides.dynamicThresholdingRatio)
    set(\.sampleMaxValue, overrides.sampleMaxValue)
    return config
  }
}
