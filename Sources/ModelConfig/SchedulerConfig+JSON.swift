public import StrictJSON

/// The version of diffusers whose files ours are like.
public let diffusersVersion = "0.42.1"

extension SchedulerConfig {
  /// Reads a config that stands at `path`: the keys of diffusers' `DDPMScheduler` (those of a
  /// `DDIMScheduler` mean the same chain), or `preset` and what differs from it.
  ///
  /// Throws: every unknown or unsupported key.
  public init(json: JSONValue, at path: JSONPath = .root) throws(JSONContentError) {
    self = try SchedulerConfig.codec.decode(json, at: path)
  }

  /// The config as diffusers writes it, every key stated.
  public var json: JSONValue { SchedulerConfig.codec.encode(self) }

  /// The config's keys, defaults and rules.
  public static let codec = ObjectCodec(
    "Noise schedule: the config of diffusers' DDPMScheduler", defaults: SchedulerConfig(),
    fields: fields, presets: Preset.allCases.map { ($0.rawValue, $0.scheduler) },
    rules: { config, report in
      if config.betaStart > config.betaEnd {
        report(
          "beta_end", "found \(config.betaEnd), allowed is at least beta_start, \(config.betaStart)"
        )
      }
    })

  /// One of the values that every kind of job can work with.
  private static func supported<Value: RawRepresentable<String> & Sendable>(
    _ values: [Value]
  ) -> JSONCodec<Value> {
    JSONCodec(
      allowed: values.map { "\"\($0.rawValue)\"" }.joined(separator: " or "),
      schema: ["enum": .array(values.map { .string($0.rawValue) })],
      recognize: { json in values.first { $0.rawValue == json.string } },
      encode: { .string($0.rawValue) })
  }

  private static let fields: [Field<SchedulerConfig>] = [
    .constant("_class_name", "DDPMScheduler", or: ["DDIMScheduler"], "diffusers' class."),
    .ignored("_diffusers_version", writing: .string(diffusersVersion), "Not used."),
    Field(
      "num_train_timesteps", \.numTrainTimesteps, .integer(1...100_000),
      "T, the length of the chain."),
    Field("beta_start", \.betaStart, .number(above: 0, below: 1), "β of the first step."),
    Field("beta_end", \.betaEnd, .number(above: 0, below: 1), "β of the last step."),
    Field("beta_schedule", \.betaSchedule, .choice, "How β grows from beta_start to beta_end."),
    .constant("trained_betas", nil, "The schedule is computed."),
    Field(
      "variance_type", \.varianceType, supported([.fixedSmall, .fixedLarge]),
      "σ² of the reverse chain: β̃ (fixed_small) or β (fixed_large)."),
    Field(
      "clip_sample", \.clipSample, .bool, "Whether predicted images are clipped while sampling."),
    Field("clip_sample_range", \.clipSampleRange, .number(above: 0), "Where they are clipped."),
    Field("prediction_type", \.predictionType, supported([.epsilon]), "What the network predicts."),
    .constant("thresholding", false, "Dynamic thresholding is not supported."),
    .ignored("dynamic_thresholding_ratio", writing: 0.995, "Belongs to thresholding."),
    .ignored("sample_max_value", writing: 1.0, "Belongs to thresholding."),
    .constant("timestep_spacing", "leading", "Spacing of the timesteps of a shortened chain."),
    .constant("steps_offset", 0, "Offset of the timesteps of a shortened chain."),
    .constant("rescale_betas_zero_snr", false, "Rescaling to zero terminal SNR is not supported."),
    .tolerated("set_alpha_to_one", true, "DDIMScheduler's: ᾱ beyond the last step."),
    .tolerated("timestep_values", nil, "Of old versions of diffusers."),
  ]
}
