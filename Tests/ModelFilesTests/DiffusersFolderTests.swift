import DurableIO
import ModelConfig
import ModelFiles
import StrictJSON
import TensorFiles
import TestSupport
import Testing

/// Model folders written, read back, and spoilt.
struct DiffusersFolderTests {
  let tensors = [
    (name: "conv_in.weight", shape: [2, 1, 3, 3]), (name: "conv_in.bias", shape: [2]),
    (name: "mid_block.attentions.0.to_q.weight", shape: [2, 2]),
    (name: "mid_block.attentions.0.to_out.0.bias", shape: [2]),
  ]

  /// Element i of tensor `index`.
  private func value(_ index: Int, _ i: Int) -> Float { Float(100 * index + i) }

  private func write(
    to path: String, tensors: [(name: String, shape: [Int])]? = nil
  ) throws(ModelFileError) {
    try DiffusersFolder.write(
      to: path, unet: Preset.fashionMNIST28.unet, scheduler: Preset.fashionMNIST28.scheduler,
      tensors: (tensors ?? self.tensors).enumerated().map { index, tensor in
        unsafe SafetensorsTensor(name: tensor.name, shape: tensor.shape) { values in
          for i in values.indices { unsafe values[i] = value(index, i) }
        }
      })
  }

  private func read(_ path: String) throws -> [[Float]] {
    var result = Array(repeating: [Float](), count: tensors.count)
    try unsafe DiffusersFolder(path: path).readWeights(tensors) { index, values in
      result[index] = unsafe Array(values)
    }
    return result
  }

  private var expected: [[Float]] {
    tensors.enumerated().map { index, tensor in
      (0..<tensor.shape.reduce(1, *)).map { value(index, $0) }
    }
  }

  /// The sentence of the error that reading `path` throws.
  private func problem(_ path: String) -> String {
    do {
      _ = try read(path)
      return "none"
    } catch {
      return "\(error)"
    }
  }

  @Test func readsWhatItWrites() throws {
    try inTemporaryFolder { folder in
      try write(to: folder + "/model")
      let model = try DiffusersFolder(path: folder + "/model")
      #expect(model.unet == Preset.fashionMNIST28.unet)
      #expect(model.scheduler == Preset.fashionMNIST28.scheduler)
      #expect(try read(folder + "/model") == expected)
      let index = try JSONValue(parsing: try readFile(folder + "/model/model_index.json"))
      #expect(index["_class_name"] == "DDPMPipeline")
      #expect(index["unet"] == ["diffusers", "UNet2DModel"])
      #expect(index["scheduler"] == ["diffusers", "DDPMScheduler"])
    }
  }

  /// The first published models: all files in one folder, the attention's tensors by older names.
  @Test func readsOldFolders() throws {
    try inTemporaryFolder { folder in
      let old = [
        (name: "conv_in.weight", shape: [2, 1, 3, 3]), (name: "conv_in.bias", shape: [2]),
        (name: "mid_block.attentions.0.query.weight", shape: [2, 2]),
        (name: "mid_block.attentions.0.proj_attn.bias", shape: [2]),
      ]
      try write(to: folder + "/model", tensors: old)
      #expect(try read(folder + "/model") == expected)
      try Directory.create(folder + "/flat")
      for name in [
        "unet/config.json", "unet/diffusion_pytorch_model.safetensors",
        "scheduler/scheduler_config.json",
      ] {
        let last = name.split(separator: "/")[1]
        try Directory.rename(folder + "/model/" + name, to: folder + "/flat/\(last)")
      }
      #expect(try read(folder + "/flat") == expected)
    }
  }

  /// Python writes −∞ as no JSON text may have it.
  @Test func readsTheConfigOfAnotherSchedulerClass() throws {
    try inTemporaryFolder { folder in
      try write(to: folder)
      try AtomicFile.write(
        """
        {"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity,
         "variance_type": null, "beta_end": 0.01}
        """, to: folder + "/scheduler/scheduler_config.json")
      var expected = SchedulerConfig()
      expected.betaEnd = 0.01
      expected.timestepSpacing = .linspace
      #expect(try DiffusersFolder(path: folder).scheduler == expected)
    }
  }

  @Test func namesTensorsThatDoNotFit() throws {
    try inTemporaryFolder { folder in
      var spoilt = tensors
      spoilt[0].shape = [2, 2, 3, 3]
      spoilt[1].name = "conv_in.bies"
      try write(to: folder, tensors: spoilt)
      let problem = problem(folder)
      #expect(problem.contains("\"conv_in.weight\" is [2, 2, 3, 3], and [2, 1, 3, 3]"))
      #expect(problem.contains("\"conv_in.bias\" is missing"))
      #expect(problem.contains("\"conv_in.bies\" is not a part"))
    }
  }

  @Test func theOutputFitsTheChainsVariance() throws {
    try inTemporaryFolder { folder in
      var scheduler = Preset.fashionMNIST28.scheduler
      scheduler.varianceType = .learnedRange
      try write(to: folder)
      try AtomicFile.write(
        scheduler.json.serialized(), to: folder + "/scheduler/scheduler_config.json")
      let problem = problem(folder)
      #expect(problem.contains("/unet/config.json cannot be used: $.out_channels: found 1,"))
      #expect(problem.contains("allowed is twice in_channels, 2"))
    }
  }

  @Test func saysWhatIsMissing() throws {
    try inTemporaryFolder { folder in
      #expect(problem(folder + "/nowhere").contains("there is no such folder"))
      #expect(
        problem(folder).contains(
          "not a diffusers pipeline folder: it has no model_index.json, no unet/config.json"))
      try write(to: folder)
      for name in ["unet", "scheduler/"] {
        #expect(problem(folder + "/" + name).hasSuffix("pipeline folder \(folder); use that"))
      }
      try Directory.remove(folder + "/unet/diffusion_pytorch_model.safetensors")
      #expect(problem(folder).contains("diffusion_pytorch_model.safetensors"))
      try AtomicFile.write("{\"sample_size\": 8,", to: folder + "/unet/config.json")
      #expect(problem(folder).contains("unet/config.json"))
      try AtomicFile.write(
        "{\"_class_name\": \"UNet2DConditionModel\"}", to: folder + "/unet/config.json")
      #expect(problem(folder).contains("UNet2DConditionModel"))
    }
  }
}
