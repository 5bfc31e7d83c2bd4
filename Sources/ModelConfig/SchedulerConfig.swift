/// The noise schedule and how images are drawn along it, with the keys and the defaults of diffusers'
/// `DDPMScheduler` config.
public struct SchedulerConfig: Equatable, Sendable {
  /// T, the length of the chain.
  public var numTrainTimesteps = 1000
  /// β₁.
  public var betaStart = 1e-4
  /// β_T.
  public var betaEnd = 0.02
  /// How β grows in between.
  public var betaSchedule = BetaSchedule.linear
  /// β₁…β_T, given; nil computes them from the schedule.
  public var trainedBetas: [Double]?
  /// Whether the β are changed so that ᾱ_T = 0 (Lin et al. 2024, Algorithm 1).
  public var rescaleBetasZeroSNR = false
  /// σ² of the reverse chain.
  public var varianceType = VarianceType.fixedSmall
  /// Whether x̂₀ is clipped to `±clipSampleRange` inside a sampling step.
  public var clipSample = true
  /// Where x̂₀ is clipped.
  public var clipSampleRange = 1.0
  /// Whether x̂₀ is limited by dynamic thresholding (Saharia et al. 2022) instead of clipping.
  public var thresholding = false
  /// The quantile of |x̂₀| that becomes the threshold.
  public var dynamicThresholdingRatio = 0.995
  /// The largest threshold.
  public var sampleMaxValue = 1.0
  /// What the network predicts.
  public var predictionType = PredictionType.epsilon
  /// What a second-order step of DPM-Solver++ adds (`solver_type` of diffusers).
  public enum DPMSolverType: String, CaseIterable, Sendable {
    case midpoint
    case heun
  }

  /// Which timesteps a shortened chain visits.
  public var timestepSpacing = TimestepSpacing.leading
  /// Added to the timesteps of `leading` spacing.
  public var stepsOffset = 0
  /// Whether DDIM's last step goes to ᾱ = 1, the data, rather than to ᾱ₁.
  public var setAlphaToOne = true

  /// diffusers' defaults.
  public init() {}
}

/// How β grows from `beta_start` to `beta_end`.
public enum BetaSchedule: String, CaseIterable, Sendable {
  case linear
  case scaledLinear = "scaled_linear"
  case squaredCosine = "squaredcos_cap_v2"
  case sigmoid
}

/// σₜ² of the reverse chain: β̃ₜ (`fixed_small`), βₜ (`fixed_large`), or between the two, where the
/// network says (`learned_range`: Nichol & Dhariwal 2021, equation 15; its output has 2C channels).
public enum VarianceType: String, CaseIterable, Sendable {
  case fixedSmall = "fixed_small"
  case fixedLarge = "fixed_large"
  case learnedRange = "learned_range"
}

/// What the network predicts: the noise ε, the data x₀, or v = √ᾱₜ ε − √(1−ᾱₜ) x₀.
public enum PredictionType: String, CaseIterable, Sendable {
  case epsilon
  case sample
  case velocity = "v_prediction"
}

/// What a second-order step of DPM-Solver++ adds (`solver_type` of diffusers).
public enum DPMSolverType: String, CaseIterable, Sendable {
  case midpoint
  case heun
}

/// Which timesteps a shortened chain visits (Lin et al. 2024, table 2): multiples of T/steps from 0
/// up (`leading`), from 0 to T − 1 with both ends (`linspace`), or from T − 1 down (`trailing`).
public enum TimestepSpacing: String, CaseIterable, Sendable {
  case leading
  case linspace
  case trailing
}
