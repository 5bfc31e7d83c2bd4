import ModelConfig
import StrictJSON

extension SamplerSpec {
  static let codec: JSONCodec<SamplerSpec> = .variant(
    by: "type",
    [
      kind(
        .ddpm, "Ancestral sampling, Algorithm 2 of Ho et al. (2020)", steps: nil,
        [
          Field(
            "steps", \.steps, .optional(chainSteps),
            "Steps of the shortened chain; null is the full chain."),
          Field(
            "variance_type", \.overrides.varianceType, omittingNil: .fixedVariance,
            "In place of the scheduler's."),
        ] + spacing + clipping),
      kind(
        .ddim, "DDIM, Song et al. (2021)", steps: 50,
        [
          shortened,
          Field(
            "eta", \.eta, .number(atLeast: 0, atMost: 1),
            "0 is deterministic, 1 has the noise of ancestral sampling."),
          Field(
            "set_alpha_to_one", \.overrides.setAlphaToOne, omittingNil: .bool,
            "Whether the last step goes to the data. In place of the scheduler's."),
        ] + spacing + clipping),
      kind(
        .dpmSolver, "DPM-Solver++, multistep, Lu et al. (2022)", steps: 20,
        [
          shortened,
          Field("solver_order", \.solverOrder, .integer(1...2), "Its order."),
          Field("solver_type", \.solverType, .choice, "How the second order is reached."),
        ] + spacing + thresholding),
      kind(
        .heun, "Heun's method on the probability-flow ODE, two network calls a step", steps: 20,
        [shortened] + spacing + clipping),
    ],
    kind: \.method.rawValue)

  private static func kind(
    _ method: Method, _ title: String, steps: Int?, _ fields: [Field<SamplerSpec>]
  ) -> (name: String, codec: ObjectCodec<SamplerSpec>) {
    let type = Field<SamplerSpec>.constant(
      "type", .string(method.rawValue), required: true, "The method.")
    return (
      method.rawValue,
      ObjectCodec(title, defaults: SamplerSpec(method, steps: steps), fields: [type] + fields)
    )
  }

  private static let chainSteps = JSONCodec.integer(1...100_000)

  private static let shortened = Field<SamplerSpec>(
    "steps", \.shortenedSteps, chainSteps, "Steps of the shortened chain.")

  /// `steps` of the methods that have no full chain.
  private var shortenedSteps: Int {
    get { steps ?? 0 }
    set { steps = newValue }
  }

  private static let spacing = [
    Field<SamplerSpec>(
      "timestep_spacing", \.overrides.timestepSpacing, omittingNil: .choice,
      "Which timesteps a shortened chain visits. In place of the scheduler's."),
    Field(
      "steps_offset", \.overrides.stepsOffset, omittingNil: .integer(0...100_000),
      "Added to the timesteps of leading spacing. In place of the scheduler's."),
  ]

  private static let thresholding = [
    Field<SamplerSpec>(
      "thresholding", \.overrides.thresholding, omittingNil: .bool,
      "Dynamic thresholding of predicted images. In place of the scheduler's."),
    Field(
      "dynamic_thresholding_ratio", \.overrides.dynamicThresholdingRatio,
      omittingNil: .number(atLeast: 0, atMost: 1),
      "The quantile that becomes the threshold. In place of the scheduler's."),
    Field(
      "sample_max_value", \.overrides.sampleMaxValue, omittingNil: .number(above: 0),
      "The largest threshold. In place of the scheduler's."),
  ]

  private static let clipping =
    [
      Field<SamplerSpec>(
        "clip_sample", \.overrides.clipSample, omittingNil: .bool,
        "Whether predicted images are clipped. In place of the scheduler's."),
      Field(
        "clip_sample_range", \.overrides.clipSampleRange, omittingNil: .number(above: 0),
        "Where they are clipped. In place of the scheduler's."),
    ] + thresholding
}

extension JSONCodec<VarianceType> {
  /// A variance that needs nothing of the network.
  fileprivate static let fixedVariance = JSONCodec(
    allowed: #""fixed_small" or "fixed_large""#,
    schema: ["enum": ["fixed_small", "fixed_large"]],
    recognize: { json in
      json.string.flatMap(VarianceType.init(rawValue:)).flatMap { $0 == .learnedRange ? nil : $0 }
    },
    encode: { .string($0.rawValue) })
}
