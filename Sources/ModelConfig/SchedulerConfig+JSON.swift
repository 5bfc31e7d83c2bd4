public import StrictJSON

/// The version of diffusers whose files ours are like.
public let diffusersVersion = "0.42.1"

extension SchedulerConfig {
  /// Reads a config that stands at `path`: the keys of diffusers' `DDPMScheduler` or of a class that
  /// means the same chain, or `preset` and what differs from it.
  ///
  /// Throws: every unknown or unsupported key.
  public init(json: JSONValue, at path: JSONPath = .root) throws(JSONContentError) {
    self = try SchedulerConfig.codec.decode(json, at: path)
  }

  /// The config as diffusers' `DDPMScheduler` writes it, every key stated.
  public var json: JSONValue { SchedulerConfig.codec.encode(self) }

  /// The config's keys, defaults and rules.
  public static let codec = ObjectCodec(
    "Noise schedule: the config of diffusers' DDPMScheduler", defaults: SchedulerConfig(),
    fields: fields + samplingFields, presets: Preset.allCases.map { ($0.rawValue, $0.scheduler) },
    rules: { $0.checkConsistency($1) })

  /// The least β: what a smaller one adds is lost beside 1.
  private static let leastBeta = 1e-8

  private static let fields: [Field<SchedulerConfig>] = [
    Field(
      "_class_name", \.schedulerClass, .choice,
      "diffusers' class; all that are allowed mean the same chain."),
    .ignored("_diffusers_version", writing: .string(diffusersVersion), "Not used."),
    Field(
      "num_train_timesteps", \.numTrainTimesteps, .integer(1...100_000),
      "T, the length of the chain."),
    Field(
      "beta_start", \.betaStart, .number(atLeast: leastBeta, below: 1), "β of the first step."),
    Field("beta_end", \.betaEnd, .number(atLeast: leastBeta, below: 1), "β of the last step."),
    Field("beta_schedule", \.betaSchedule, .choice, "How β grows from beta_start to beta_end."),
    Field(
      "trained_betas", \.trainedBetas,
      .optional(.array(of: .number(atLeast: leastBeta, below: 1), count: 1...100_000)),
      "β of every step, num_train_timesteps numbers, in place of a schedule."),
    Field(
      "rescale_betas_zero_snr", \.rescaleBetasZeroSNR, .bool,
      "Changes β so that nothing is left of the image at the end; not for epsilon."),
    Field(
      "variance_type", \.varianceType, .varianceType,
      "σ² of the reverse chain: β̃ (fixed_small), β (fixed_large), or between the two, where the "
        + "network says (learned_range: out_channels is then twice in_channels)."),
    Field(
      "clip_sample", \.clipSample, .bool, "Whether predicted images are clipped while sampling."),
    Field("clip_sample_range", \.clipSampleRange, .number(above: 0), "Where they are clipped."),
    Field(
      "prediction_type", \.predictionType, .choice,
      "What the network predicts: the noise (epsilon), the image (sample) or the velocity."),
    Field(
      "thresholding", \.thresholding, .bool,
      "Whether predicted images are limited by dynamic thresholding, in place of clipping."),
    Field(
      "dynamic_thresholding_ratio", \.dynamicThresholdingRatio, .number(atLeast: 0, atMost: 1),
      "The quantile of an image's absolute values that becomes the threshold."),
    Field("sample_max_value", \.sampleMaxValue, .number(above: 0), "The largest threshold."),
    Field(
      "timestep_spacing", \.timestepSpacing, .choice, "Which timesteps a shortened chain visits."),
    Field(
      "steps_offset", \.stepsOffset, .integer(0...100_000),
      "Added to the timesteps of leading spacing."),
    Field(
      "set_alpha_to_one", \.setAlphaToOne, omitting: true, .bool,
      "DDIMScheduler's: whether the last step goes to the data rather than to ᾱ of the first step."
    ),
  ]

  /// Keys of the other classes that say how they sample, which the job says here, or that have one
  /// supported value.
  private static let samplingFields: [Field<SchedulerConfig>] = [
    .tolerated("timestep_values", nil, "Of old versions of diffusers."),
    .tolerated("algorithm_type", "dpmsolver++", "DPMSolverMultistepScheduler's."),
    .tolerated("solver_order", 2, or: [1], "DPMSolverMultistepScheduler's."),
    .tolerated("solver_type", "midpoint", or: ["heun"], "DPMSolverMultistepScheduler's."),
    .ignored("lower_order_final", "The last step is first order; the others go up to second."),
    .ignored("euler_at_final", "The last step is first order."),
    .tolerated("final_sigmas_type", "zero", "DPMSolverMultistepScheduler's."),
    .tolerated("lambda_min_clipped", "-Infinity", "DPMSolverMultistepScheduler's."),
    .tolerated("use_karras_sigmas", false, or: [nil], "Timesteps are whole numbers."),
    .tolerated("use_exponential_sigmas", false, or: [nil], "Timesteps are whole numbers."),
    .tolerated("use_beta_sigmas", false, or: [nil], "Timesteps are whole numbers."),
    .tolerated("use_lu_lambdas", false, or: [nil], "Timesteps are whole numbers."),
    .tolerated("use_flow_sigmas", false, or: [nil], "The chain is no flow."),
    .ignored("flow_shift", "Belongs to use_flow_sigmas."),
    .tolerated("use_dynamic_shifting", false, "The chain is no flow."),
    .ignored("time_shift_type", "Belongs to use_dynamic_shifting."),
    .ignored("skip_prk_steps", "PNDMScheduler's."),
  ]

  /// Reports keys that are good by themselves but do not make a chain together.
  private func checkConsistency(_ report: ObjectCodec<SchedulerConfig>.Report) {
    if trainedBetas == nil, betaStart > betaEnd {
      report("beta_end", "found \(betaEnd), allowed is at least beta_start, \(betaStart)")
    }
    if let count = trainedBetas?.count, count != numTrainTimesteps {
      report(
        "trained_betas",
        "found \(count) numbers, allowed is one for each of the \(numTrainTimesteps) steps of"
          + " num_train_timesteps")
    }
    guard rescaleBetasZeroSNR else { return }
    if predictionType == .epsilon {
      report(
        "prediction_type",
        "found \"epsilon\", which rescale_betas_zero_snr does not allow: where nothing is left of"
          + " the image its noise says nothing about it; allowed is \"v_prediction\" or \"sample\"")
    }
    if numTrainTimesteps == 1 {
      report(
        "num_train_timesteps", "found 1, allowed is at least 2 with rescale_betas_zero_snr")
    }
  }
}

extension JSONCodec<VarianceType> {
  /// diffusers' names. `fixed_small_log` is another way to compute `fixed_small`, and null, of a
  /// `DPMSolverMultistepScheduler`, is one that samples without.
  fileprivate static let varianceType: JSONCodec = JSONCodec<Name?>.optional(.choice).map(
    to: { name, _ in
      switch name {
      case .fixedSmall, .fixedSmallLog, nil: .fixedSmall
      case .fixedLarge: .fixedLarge
      case .learnedRange: .learnedRange
      }
    },
    from: { type in
      switch type {
      case .fixedSmall: .fixedSmall
      case .fixedLarge: .fixedLarge
      case .learnedRange: .learnedRange
      }
    })

  fileprivate enum Name: String, CaseIterable, Sendable {
    case fixedSmall = "fixed_small"
    case fixedSmallLog = "fixed_small_log"
    case fixedLarge = "fixed_large"
    case learnedRange = "learned_range"
  }
}
