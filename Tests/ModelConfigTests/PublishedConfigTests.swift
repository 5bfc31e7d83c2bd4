import ModelConfig
import StrictJSON
import Testing

/// Configs as they are published, pasted in whole.
@Suite struct PublishedConfigTests {
  /// `unet/config.json` of google/ddpm-cifar10-32.
  private static let cifar10 = """
    {
      "_class_name": "UNet2DModel",
      "_diffusers_version": "0.0.4",
      "act_fn": "silu",
      "attention_head_dim": null,
      "block_out_channels": [128, 256, 256, 256],
      "center_input_sample": false,
      "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
      "downsample_padding": 0,
      "flip_sin_to_cos": false,
      "freq_shift": 1,
      "in_channels": 3,
      "layers_per_block": 2,
      "mid_block_scale_factor": 1,
      "norm_eps": 1e-06,
      "norm_num_groups": 32,
      "out_channels": 3,
      "sample_size": 32,
      "time_embedding_type": "positional",
      "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"]
    }
    """

  /// What diffusers' unconditional training example saves.
  private static let trainingExample = """
    {
      "_class_name": "UNet2DModel", "_diffusers_version": "0.42.1", "act_fn": "silu",
      "add_attention": true, "attention_head_dim": 8, "attn_norm_num_groups": null,
      "block_out_channels": [128, 128, 256, 256, 512, 512], "center_input_sample": false,
      "class_embed_type": null,
      "down_block_types": ["DownBlock2D", "DownBlock2D", "DownBlock2D", "DownBlock2D",
        "AttnDownBlock2D", "DownBlock2D"],
      "downsample_padding": 1, "downsample_type": "conv", "dropout": 0.0,
      "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 3, "layers_per_block": 2,
      "mid_block_scale_factor": 1, "mid_block_type": "UNetMidBlock2D", "norm_eps": 1e-05,
      "norm_num_groups": 32, "num_class_embeds": null, "num_train_timesteps": null,
      "out_channels": 3, "resnet_time_scale_shift": "default", "sample_size": 64,
      "time_embedding_dim": null, "time_embedding_type": "positional",
      "up_block_types": ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D",
        "UpBlock2D"],
      "upsample_type": "conv"
    }
    """

  @Test func theCIFAR10NetworkIsThePreset() throws {
    let config = try UNetConfig(json: JSONValue(parsing: Self.cifar10))
    #expect(config == Preset.cifar10.unet)
    #expect(parameterCount(config) == 35_746_307)
  }

  @Test func theFashionMNISTPresetHasTheSizeOfItsReference() {
    #expect(parameterCount(Preset.fashionMNIST28.unet) == 1_707_009)
  }

  @Test func theTrainingExampleIsReadAndWrittenWithTheSameKeys() throws {
    let published = try JSONValue(parsing: Self.trainingExample)
    let config = try UNetConfig(json: published)
    #expect(config.blockOutChannels == [128, 128, 256, 256, 512, 512])
    #expect(config.downBlockTypes[4] == .attentionDown)
    let written = config.json
    #expect(Set(written.object?.keys ?? []) == Set(published.object?.keys ?? []))
    for (key, value) in published.object?.members ?? [] {
      #expect(written[key] == value || written[key]?.double == value.double, "\(key)")
    }
  }

  @Test func schedulersOfOldAndNewVersions() throws {
    let old = try SchedulerConfig(
      json: JSONValue(
        parsing: """
          {"_class_name": "DDPMScheduler", "_diffusers_version": "0.1.1", "beta_end": 0.02,
           "beta_schedule": "linear", "beta_start": 0.0001, "clip_sample": true,
           "num_train_timesteps": 1000, "timestep_values": null, "trained_betas": null,
           "variance_type": "fixed_large"}
          """))
    #expect(old == Preset.cifar10.scheduler)

    let new = try JSONValue(
      parsing: """
        {"_class_name": "DDPMScheduler", "_diffusers_version": "0.42.1", "beta_end": 0.02,
         "beta_schedule": "squaredcos_cap_v2", "beta_start": 0.0001, "clip_sample": true,
         "clip_sample_range": 1.0, "dynamic_thresholding_ratio": 0.995,
         "num_train_timesteps": 1000, "prediction_type": "epsilon",
         "rescale_betas_zero_snr": false, "sample_max_value": 1.0, "steps_offset": 0,
         "thresholding": false, "timestep_spacing": "leading", "trained_betas": null,
         "variance_type": "fixed_small"}
        """)
    let config = try SchedulerConfig(json: new)
    #expect(config.betaSchedule == .squaredCosine)
    #expect(config.json == new)

    let ddim = try SchedulerConfig(
      json: ["_class_name": "DDIMScheduler", "set_alpha_to_one": true, "beta_start": 0.0001])
    #expect(ddim == SchedulerConfig())
  }

  /// The configs of other classes, as diffusers 0.42.1 writes their defaults. They mean the same
  /// chain as a `DDPMScheduler`'s but for what they say.
  @Test func schedulersOfOtherClasses() throws {
    let solver = try SchedulerConfig(
      json: JSONValue(
        parsing: Array(
          """
          {"_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.42.1",
           "algorithm_type": "dpmsolver++", "beta_end": 0.02, "beta_schedule": "linear",
           "beta_start": 0.0001, "dynamic_thresholding_ratio": 0.995, "euler_at_final": false,
           "final_sigmas_type": "zero", "flow_shift": 1.0, "lambda_min_clipped": -Infinity,
           "lower_order_final": true, "num_train_timesteps": 1000, "prediction_type": "epsilon",
           "rescale_betas_zero_snr": false, "sample_max_value": 1.0, "solver_order": 2,
           "solver_type": "midpoint", "steps_offset": 0, "thresholding": false,
           "time_shift_type": "exponential", "timestep_spacing": "linspace", "trained_betas": null,
           "use_beta_sigmas": false, "use_dynamic_shifting": false,
           "use_exponential_sigmas": false, "use_flow_sigmas": false, "use_karras_sigmas": false,
           "use_lu_lambdas": false, "variance_type": null}
          """.utf8), allowingInfinity: true))
    var expected = SchedulerConfig()
    expected.timestepSpacing = .linspace
    #expect(solver == expected)

    let heun = try SchedulerConfig(
      json: JSONValue(
        parsing: """
          {"_class_name": "HeunDiscreteScheduler", "_diffusers_version": "0.42.1",
           "beta_end": 0.012, "beta_schedule": "linear", "beta_start": 0.00085,
           "clip_sample": false, "clip_sample_range": 1.0, "num_train_timesteps": 1000,
           "prediction_type": "epsilon", "steps_offset": 0, "timestep_spacing": "linspace",
           "trained_betas": null, "use_beta_sigmas": false, "use_exponential_sigmas": false,
           "use_karras_sigmas": false}
          """))
    expected.betaStart = 0.00085
    expected.betaEnd = 0.012
    expected.clipSample = false
    #expect(heun == expected)

    let pndm = try SchedulerConfig(
      json: JSONValue(
        parsing: """
          {"_class_name": "PNDMScheduler", "_diffusers_version": "0.42.1", "beta_end": 0.02,
           "beta_schedule": "linear", "beta_start": 0.0001, "num_train_timesteps": 1000,
           "prediction_type": "epsilon", "set_alpha_to_one": false, "skip_prk_steps": false,
           "steps_offset": 0, "timestep_spacing": "leading", "trained_betas": null}
          """))
    expected = SchedulerConfig()
    expected.setAlphaToOne = false
    #expect(pndm == expected)
  }

  /// What an old config does not say is what its class took for granted.
  @Test(
    arguments: [
      ("DDPMScheduler", "leading", 1e-4, true), ("DDIMScheduler", "leading", 1e-4, true),
      ("DPMSolverMultistepScheduler", "linspace", 1e-4, true),
      ("HeunDiscreteScheduler", "linspace", 0.00085, false),
    ])
  func keysThatAreMissingHaveTheDefaultsOfTheClass(
    name: String, spacing: String, betaStart: Double, clips: Bool
  ) throws {
    // The class is read first wherever it stands.
    let config = try SchedulerConfig(json: ["beta_end": 0.015, "_class_name": .string(name)])
    #expect(config.timestepSpacing.rawValue == spacing)
    #expect(config.betaStart == betaStart && config.betaEnd == 0.015)
    #expect(config.clipSample == clips)
  }
}

/// The number of parameters of a network, counted from the published architecture.
private func parameterCount(_ config: UNetConfig) -> Int {
  let channels = config.blockOutChannels
  let time = 4 * channels[0]
  func linear(_ i: Int, _ o: Int) -> Int { i * o + o }
  func conv(_ i: Int, _ o: Int) -> Int { 9 * i * o + o }
  func resnet(_ i: Int, _ o: Int) -> Int {
    2 * i + conv(i, o) + linear(time, o) + 2 * o + conv(o, o) + (i == o ? 0 : linear(i, o))
  }
  func attention(_ c: Int) -> Int { 2 * c + 4 * linear(c, c) }

  var count = conv(config.inChannels, channels[0]) + linear(channels[0], time) + linear(time, time)
  var skips = [channels[0]]
  var current = channels[0]
  for (level, type) in config.downBlockTypes.enumerated() {
    for _ in 0..<config.layersPerBlock {
      count += resnet(current, channels[level])
      current = channels[level]
      if type == .attentionDown { count += attention(current) }
      skips.append(current)
    }
    if level < channels.count - 1 {
      count += conv(current, current)
      skips.append(current)
    }
  }
  count += 2 * resnet(current, current) + (config.addAttention ? attention(current) : 0)
  for (level, type) in zip(channels.indices.reversed(), config.upBlockTypes) {
    for _ in 0...config.layersPerBlock {
      count += resnet(current + skips.removeLast(), channels[level])
      current = channels[level]
      if type == .attentionUp { count += attention(current) }
    }
    if level > 0 { count += conv(current, current) }
  }
  return count + 2 * current + conv(current, config.outChannels)
}
