/// The noise schedule, with the keys and the defaults of diffusers' `DDPMScheduler` config.
public struct SchedulerConfig: Equatable, Sendable {
  /// T, the length of the chain.
  public var numTrainTimesteps = 1000
  /// β₁.
  public var betaStart = 1e-4
  /// β_T.
  public var betaEnd = 0.02
  /// How β grows in between.
  public var betaSchedule = BetaSchedule.linear
  /// σ² of the reverse chain.
  public var varianceType = VarianceType.fixedSmall
  /// Whether x̂₀ is clipped to `±clipSampleRange` inside a sampling step.
  public var clipSample = true
  /// Where x̂₀ is clipped.
  public var clipSampleRange = 1.0
  /// What the network predicts.
  public var predictionType = PredictionType.epsilon

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

/// σₜ² of the reverse chain: β̃ₜ (`fixed_small`) or βₜ (`fixed_large`).
public enum VarianceType: String, CaseIterable, Sendable {
  case fixedSmall = "fixed_small"
  case fixedLarge = "fixed_large"
}

/// What the network predicts.
public enum PredictionType: String, CaseIterable, Sendable {
  case epsilon
}
