public import StrictJSON

// The U-Net's config in diffusers' keys: what a published `unet/config.json` says can be pasted
// into a job file, and what we write loads as a `UNet2DModel`.
//
// Keys whose variants are not built accept the one value that is, and refuse others by name.

extension UNetConfig {
  /// Reads a config that stands at `path`: diffusers' keys, or `preset` and what differs from it.
  ///
  /// Throws: every unknown, missing or unsupported key, and every pair of keys that do not fit.
  public init(json: JSONValue, at path: JSONPath = .root) throws(JSONContentError) {
    self = try UNetConfig.codec.decode(json, at: path)
  }

  /// The config as diffusers writes it, every key stated.
  public var json: JSONValue { UNetConfig.codec.encode(self) }

  /// The config's keys, defaults and rules.
  public static let codec = ObjectCodec(
    "U-Net: the config of diffusers' UNet2DModel", defaults: UNetConfig(), fields: fields,
    presets: Preset.allCases.map { ($0.rawValue, $0.unet) },
    rules: { config, report in config.checkConsistency(report) })

  private static let fields: [Field<UNetConfig>] = [
    .constant("_class_name", "UNet2DModel", "diffusers' class."),
    .ignored("_diffusers_version", writing: .string(diffusersVersion), "Not used."),
    .ignored("_name_or_path", "Not used."),
    Field(
      "sample_size", \.sampleSize, .integer(1...4096), required: true,
      "Height and width of an image in pixels."),
    Field("in_channels", \.inChannels, .integer(1...1024), "Channels of an image."),
    Field(
      "out_channels", \.outChannels, .integer(1...1024),
      "in_channels, or twice as many where scheduler.variance_type is learned_range."),
    Field(
      "center_input_sample", \.centerInputSample, .bool, "Feeds the network 2x − 1 instead of x."),
    .constant("time_embedding_type", "positional", "Sinusoidal timestep embedding."),
    .constant("time_embedding_dim", nil, "Four times the first entry of block_out_channels."),
    Field(
      "freq_shift", \.freqShift, .integer(0...1), "Shift of the timestep embedding's frequencies."),
    Field(
      "flip_sin_to_cos", \.flipSinToCos, .bool,
      "Whether the timestep embedding is [cos, sin] instead of [sin, cos]."),
    Field(
      "down_block_types", \.downBlockTypes, .array(of: .choice, count: blockCounts),
      required: true, "The blocks on the way down, from full resolution."),
    .constant("mid_block_type", "UNetMidBlock2D", "The block at the lowest resolution."),
    Field(
      "up_block_types", \.upBlockTypes, .array(of: .choice, count: blockCounts), required: true,
      "The blocks on the way up, from the lowest resolution."),
    Field(
      "block_out_channels", \.blockOutChannels,
      .array(of: .integer(1...16384), count: blockCounts), required: true,
      "Output channels of each down block."),
    Field("layers_per_block", \.layersPerBlock, .integer(1...64), "Resnets in each down block."),
    Field(
      "mid_block_scale_factor", \.midBlockScaleFactor, .number(above: 0),
      "Divides the residual sums of the mid block."),
    Field(
      "downsample_padding", \.downsamplePadding, .integer(0...1),
      "1 pads all sides before a stride-2 convolution, 0 only right and bottom."),
    .constant("downsample_type", "conv", "Stride-2 convolution."),
    .constant("upsample_type", "conv", "Nearest neighbour, then convolution."),
    Field("dropout", \.dropout, .number(atLeast: 0, below: 1), "Dropout in every resnet."),
    .constant("act_fn", "silu", or: ["swish"], "The activation function."),
    Field(
      "attention_head_dim", \.attentionHeadDim, .optional(.integer(1...16384)),
      whyRequired: "null means one head over all channels. It must be stated because diffusers' "
        + "default changed: models published without it were trained with one head, but would "
        + "load with 8 channels a head today",
      "Channels of one attention head; null is one head over all channels."),
    Field("norm_num_groups", \.normNumGroups, .integer(1...16384), "Groups of a group norm."),
    .constant("attn_norm_num_groups", nil, "The attention's group norm has norm_num_groups."),
    Field("norm_eps", \.normEps, .number(above: 0, below: 1), "ε of every group norm."),
    Field(
      "resnet_time_scale_shift", \.resnetTimeScaleShift, .choice,
      "Whether the timestep is added in a resnet, or scales and shifts its second norm."),
    Field("add_attention", \.addAttention, .bool, "Whether the mid block has attention."),
    .constant("class_embed_type", nil, "Classes have an embedding each."),
    Field(
      "num_class_embeds", \.numClassEmbeds, .optional(.integer(1...mostClasses)),
      "Classes of a class-conditional network, the null class included; null has none, and in a "
        + "train job with labels follows from the data."),
    .constant("num_train_timesteps", nil, "Belongs to learned timestep embeddings."),
  ]

  /// Rows that a class embedding may have.
  private static let mostClasses = 1 << 16
  /// Numbers of resolutions that a U-Net may have.
  private static let blockCounts = 1...10

  /// Reports keys that are good by themselves but do not make a network together.
  private func checkConsistency(_ report: ObjectCodec<UNetConfig>.Report) {
    if outChannels != inChannels && outChannels != 2 * inChannels {
      report(
        "out_channels",
        "found \(outChannels), allowed is in_channels, \(inChannels), or twice as many: the "
          + "network predicts every input channel, and may predict a variance for each")
    }
    let blocks = blockOutChannels.count
    if downBlockTypes.count != blocks {
      report(
        "down_block_types",
        "found \(downBlockTypes.count) blocks, allowed are as many as "
          + "block_out_channels has, \(blocks)")
    }
    if upBlockTypes.count != blocks {
      report(
        "up_block_types",
        "found \(upBlockTypes.count) blocks, allowed are as many as "
          + "block_out_channels has, \(blocks)")
    }
    let factor = 1 << (blocks - 1)
    if sampleSize % factor != 0 {
      report(
        "sample_size",
        "found \(sampleSize), allowed are multiples of \(factor): the image is "
          + "halved \(blocks - 1) times")
    }
    for (index, channels) in blockOutChannels.enumerated() where channels % normNumGroups != 0 {
      report(
        "block_out_channels",
        "element \(index) is \(channels), allowed are multiples of "
          + "norm_num_groups, \(normNumGroups)")
    }
    if let first = blockOutChannels.first, first % 2 != 0 || first / 2 <= freqShift {
      report(
        "block_out_channels",
        "element 0 is \(first), allowed are even numbers from "
          + "\(2 * freqShift + 2) on: half are sines, half cosines of the timestep")
    }
    if let headDim = attentionHeadDim {
      for channels in attentionChannels where channels % headDim != 0 {
        report(
          "attention_head_dim",
          "found \(headDim), which does not divide the \(channels) channels "
            + "of a block with attention")
      }
    }
  }

  /// The different channel counts of the blocks that have attention.
  private var attentionChannels: [Int] {
    var channels: Set<Int> = []
    for (type, count) in zip(downBlockTypes, blockOutChannels) where type == .attentionDown {
      channels.insert(count)
    }
    for (type, count) in zip(upBlockTypes, blockOutChannels.reversed()) where type == .attentionUp {
      channels.insert(count)
    }
    if addAttention, let last = blockOutChannels.last { channels.insert(last) }
    return channels.sorted()
  }

  /// What is wrong with `out_channels` for a chain, if anything is: a learned variance needs a
  /// channel beside each predicted one.
  public func outputProblem(with scheduler: SchedulerConfig) -> String? {
    let learned = scheduler.varianceType == .learnedRange
    guard outChannels != (learned ? 2 : 1) * inChannels else { return nil }
    let variance = "where the scheduler's variance_type is \(scheduler.varianceType.rawValue)"
    return learned
      ? "found \(outChannels), allowed is twice in_channels, \(2 * inChannels), \(variance)"
      : "found \(outChannels), allowed is in_channels, \(inChannels), \(variance)"
  }
}
