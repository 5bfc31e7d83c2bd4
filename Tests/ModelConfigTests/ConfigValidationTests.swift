import ModelConfig
import StrictJSON
import Testing

@Suite struct ConfigValidationTests {
  /// Overrides one key of a preset: the paths of the problems.
  private func problems(_ key: String, _ value: JSONValue) -> [String] {
    do throws(JSONContentError) {
      _ = try UNetConfig(json: .object(["preset": "fashion-mnist-28", key: value]))
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }

  @Test(
    arguments: [
      ("act_fn", "gelu"), ("time_embedding_type", "fourier"), ("mid_block_type", nil),
      ("downsample_type", "resnet"), ("upsample_type", "resnet"), ("num_class_embeds", 0),
      ("class_embed_type", "timestep"), ("class_embed_type", "identity"),
      ("attn_norm_num_groups", 4), ("time_embedding_dim", 256),
      ("resnet_time_scale_shift", "spatial"),
      ("down_block_types", ["DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"]),
      ("_class_name", "UNet2DConditionModel"), ("sample_size", [28, 28]), ("freq_shift", 2),
      ("downsample_padding", 2), ("dropout", 1), ("norm_eps", 0), ("layers_per_block", 0),
      ("mid_block_scale_factor", 0), ("block_out_channels", []), ("unknown", 1),
      // Keys that do not fit each other.
      ("out_channels", 3), ("sample_size", 30), ("norm_num_groups", 24), ("attention_head_dim", 48),
      ("block_out_channels", [32, 64]), ("down_block_types", ["DownBlock2D"]),
      ("up_block_types", ["UpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"]),
    ] as [(String, JSONValue)])
  func isRefusedByName(_ key: String, _ value: JSONValue) {
    let problems = problems(key, value)
    #expect(!problems.isEmpty)
    #expect(problems.contains { $0.contains(key) }, "\(problems)")
  }

  @Test(
    arguments: [
      ("sample_size", 32), ("attention_head_dim", nil), ("attention_head_dim", 64),
      ("norm_num_groups", 32), ("block_out_channels", [64, 128, 64]), ("add_attention", false),
      ("resnet_time_scale_shift", "scale_shift"), ("dropout", 0.1), ("act_fn", "swish"),
      ("num_class_embeds", 10), ("class_embed_type", nil),
      // The way up need not mirror the way down.
      ("up_block_types", ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"]),
      ("down_block_types", ["DownBlock2D", "DownBlock2D", "DownBlock2D"]),
    ] as [(String, JSONValue)])
  func isAccepted(_ key: String, _ value: JSONValue) throws {
    #expect(problems(key, value) == [])
    let config = try UNetConfig(json: .object(["preset": "fashion-mnist-28", key: value]))
    #expect(try UNetConfig(json: config.json) == config)
  }

  @Test func aConfigThatDoesNotStateTheHeadDimensionIsRefusedWithTheReason() throws {
    var object = try #require(Preset.cifar10.unet.json.object)
    object["attention_head_dim"] = nil
    let error = #expect(throws: JSONContentError.self) { try UNetConfig(json: .object(object)) }
    #expect(error?.problems.count == 1)
    #expect(error?.description.contains("null means one head over all channels") == true)
  }

  @Test func attentionMustFitOnlyWhereItIs() throws {
    // 96 channels, not divisible by 64, in a block without attention.
    let json: JSONValue = [
      "sample_size": 8, "block_out_channels": [96, 64], "attention_head_dim": 64,
      "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
      "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
    ]
    _ = try UNetConfig(json: json)
    var object = try #require(json.object)
    object["up_block_types"] = ["UpBlock2D", "AttnUpBlock2D"]
    let error = #expect(throws: JSONContentError.self) { try UNetConfig(json: .object(object)) }
    #expect(error?.problems.map(\.path.description) == ["$.attention_head_dim"])
  }

  @Test(arguments: Preset.allCases)
  func presetsReadBackTheSame(_ preset: Preset) throws {
    #expect(try UNetConfig(json: preset.unet.json) == preset.unet)
    #expect(try SchedulerConfig(json: preset.scheduler.json) == preset.scheduler)
    #expect(try UNetConfig(json: ["preset": .string(preset.rawValue)]) == preset.unet)
    #expect(try SchedulerConfig(json: ["preset": .string(preset.rawValue)]) == preset.scheduler)
  }

  @Test(
    arguments: [
      ("prediction_type", "flow_prediction"), ("trained_betas", [0.1]), ("trained_betas", []),
      ("variance_type", "learned"), ("variance_type", "fixed_large_log"),
      ("beta_start", 0), ("beta_end", 1), ("num_train_timesteps", 0), ("clip_sample_range", -1),
      ("_class_name", "EulerDiscreteScheduler"), ("beta_schedule", "cosine"),
      ("timestep_spacing", "log"), ("steps_offset", -1), ("dynamic_thresholding_ratio", 1.5),
      ("sample_max_value", 0), ("algorithm_type", "sde-dpmsolver++"), ("solver_order", 3),
      ("final_sigmas_type", "sigma_min"), ("lambda_min_clipped", -5.1),
      ("use_karras_sigmas", true), ("use_flow_sigmas", true), ("use_lu_lambdas", true),
    ] as [(String, JSONValue)])
  func schedulersAreRefusedByName(_ key: String, _ value: JSONValue) {
    let error = #expect(throws: JSONContentError.self) {
      try SchedulerConfig(json: .object([key: value]))
    }
    #expect(error?.problems.map(\.path.description) == ["$.\(key)"])
  }

  @Test(
    arguments: [
      (["beta_start": 0.5], "$.beta_end", "at least beta_start"),
      (["rescale_betas_zero_snr": true], "$.prediction_type", "v_prediction"),
      (
        [
          "rescale_betas_zero_snr": true, "prediction_type": "sample", "num_train_timesteps": 1,
        ], "$.num_train_timesteps", "at least 2"
      ),
      (
        ["trained_betas": [0.1, 0.2], "num_train_timesteps": 3], "$.trained_betas",
        "found 2 numbers"
      ),
    ] as [(JSONValue, String, String)])
  func schedulerKeysThatDoNotFitEachOtherAreRefused(
    _ json: JSONValue, _ path: String, _ words: String
  ) {
    let error = #expect(throws: JSONContentError.self) { try SchedulerConfig(json: json) }
    #expect(error?.problems.map(\.path.description) == [path])
    #expect(error?.description.contains(words) == true)
  }

  @Test(
    arguments: [
      ["prediction_type": "v_prediction", "rescale_betas_zero_snr": true],
      ["prediction_type": "sample", "timestep_spacing": "trailing"],
      ["variance_type": "fixed_large"],
      ["variance_type": "fixed_small_log"], ["variance_type": "learned_range"],
      ["variance_type": nil], ["trained_betas": [0.3, 0.1], "num_train_timesteps": 2],
      ["set_alpha_to_one": false, "steps_offset": 1, "num_train_timesteps": 100_000],
      ["thresholding": true, "dynamic_thresholding_ratio": 0.9, "sample_max_value": 1.5],
      ["num_train_timesteps": 1], ["beta_schedule": "sigmoid"], ["preset": "cifar10-32"],
    ] as [JSONValue])
  func schedulersReadBackTheSame(_ json: JSONValue) throws {
    let config = try SchedulerConfig(json: json)
    #expect(try SchedulerConfig(json: config.json) == config)
    #expect(config.json["_class_name"] == "DDPMScheduler")
  }
}
