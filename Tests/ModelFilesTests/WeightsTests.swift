import DurableIO
import ModelConfig
import ModelFiles
import StrictJSON
import TensorFiles
import TestSupport
import Testing

/// Parameters in one file, in shards, in variants, and spoilt.
struct WeightsTests {
  private let tensors = [
    (name: "conv_in.weight", shape: [2, 1, 3, 3]), (name: "conv_in.bias", shape: [2]),
    (name: "conv_out.bias", shape: [1]),
  ]
  private let name = "diffusion_pytorch_model.safetensors"
  private let indexName = "diffusion_pytorch_model.safetensors.index.json"

  private func value(_ index: Int, _ i: Int) -> Float { Float(100 * index + i) }

  private var expected: [[Float]] {
    tensors.enumerated().map { index, tensor in
      (0..<tensor.shape.reduce(1, *)).map { value(index, $0) }
    }
  }

  private func stored(_ index: Int, as name: String? = nil) -> SafetensorsTensor {
    unsafe SafetensorsTensor(name: name ?? tensors[index].name, shape: tensors[index].shape) {
      values in
      for i in values.indices { unsafe values[i] = value(index, i) }
    }
  }

  /// A model folder with all tensors in one file.
  private func write(to path: String) throws {
    try DiffusersFolder.write(
      to: path, unet: Preset.fashionMNIST28.unet, scheduler: Preset.fashionMNIST28.scheduler,
      tensors: tensors.indices.map { stored($0) })
  }

  /// A model folder with one shard for each list of tensors, and the index `map`.
  private func writeShards(
    to path: String, _ shards: [String: [Int]], index map: [String: JSONValue]
  ) throws {
    try write(to: path)
    try Directory.remove("\(path)/unet/\(name)")
    for (shard, indices) in shards {
      try writeSafetensors(to: "\(path)/unet/\(shard)", tensors: indices.map { stored($0) })
    }
    let index: JSONValue = [
      "metadata": ["total_size": 84],
      "weight_map": .object(JSONObject(map.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })),
    ]
    try AtomicFile.write(index.serialized(), to: "\(path)/unet/\(indexName)")
  }

  private func read(_ path: String) throws -> [[Float]] {
    var result = Array(repeating: [Float](), count: tensors.count)
    try unsafe DiffusersFolder(path: path).readWeights(tensors) { index, values in
      result[index] = unsafe Array(values)
    }
    return result
  }

  private func problem(_ path: String) -> String {
    do {
      _ = try read(path)
      return "none"
    } catch {
      return "\(error)"
    }
  }

  @Test func shardsAreReadByTheirIndex() throws {
    try inTemporaryFolder { folder in
      let map: [String: JSONValue] = [
        "conv_in.weight": "a.safetensors", "conv_in.bias": "b.safetensors",
        "conv_out.bias": "a.safetensors",
      ]
      try writeShards(to: folder, ["a.safetensors": [0, 2], "b.safetensors": [1]], index: map)
      #expect(try read(folder) == expected)
      #expect(
        try DiffusersFolder(path: folder).weightFiles
          == [indexName, "a.safetensors", "b.safetensors"].map { "\(folder)/unet/\($0)" })
      #expect(try DiffusersFolder(path: folder).problemsOfWeights(tensors) == [])
    }
  }

  @Test func anIndexThatDoesNotFitItsShardsIsRefused() throws {
    try inTemporaryFolder { folder in
      let shards = ["a.safetensors": [0, 1, 2]]
      let map: [String: JSONValue] = [
        "conv_in.weight": "a.safetensors", "conv_in.bias": "a.safetensors",
      ]
      try writeShards(to: folder + "/1", shards, index: map)
      #expect(problem(folder + "/1").contains("\"conv_out.bias\" is in"))
      try writeShards(
        to: folder + "/2", shards.merging(["b.safetensors": []]) { $1 },
        index: map.merging(["conv_out.bias": "b.safetensors"]) { $1 })
      #expect(problem(folder + "/2").contains("\"conv_out.bias\" is not in"))
      try writeShards(
        to: folder + "/3", shards, index: map.merging(["conv_out.bias": "gone.safetensors"]) { $1 })
      #expect(problem(folder + "/3").contains("gone.safetensors"))
      for strange: JSONValue in ["../a.safetensors", "a.bin", 3] {
        try writeShards(
          to: folder + "/4", shards, index: map.merging(["conv_out.bias": strange]) { $1 })
        #expect(problem(folder + "/4").contains("only safetensors files beside the index"))
      }
    }
  }

  @Test func aVariantIsReadIfItIsAllThereIs() throws {
    try inTemporaryFolder { folder in
      try write(to: folder)
      let half = "\(folder)/unet/diffusion_pytorch_model.fp16.safetensors"
      try Directory.rename("\(folder)/unet/\(name)", to: half)
      #expect(try read(folder) == expected)
      // Of two it is not known which is meant.
      try AtomicFile.write("", to: "\(folder)/unet/diffusion_pytorch_model.ema.safetensors")
      #expect(problem(folder).contains("model.ema.safetensors and diffusion_pytorch_model.fp16"))
      // The plain one is.
      try writeSafetensors(
        to: "\(folder)/unet/\(name)", tensors: tensors.indices.map { stored($0) })
      #expect(try read(folder) == expected)
    }
  }

  @Test(arguments: [
    "diffusion_pytorch_model.bin", "diffusion_pytorch_model.fp16.bin",
    "diffusion_pytorch_model.bin.index.json", "model.ckpt",
  ])
  func aPickleIsRefusedWithAWordOnHowToConvertIt(pickle: String) throws {
    try inTemporaryFolder { folder in
      try write(to: folder)
      try Directory.rename("\(folder)/unet/\(name)", to: "\(folder)/unet/\(pickle)")
      let problem = problem(folder)
      #expect(
        problem.contains("\(pickle) is a pickle") && problem.contains("use_safetensors=False"))
    }
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func valuesThatAreNotFiniteAreCaught(value: Float) throws {
    try inTemporaryFolder { folder in
      try write(to: folder)
      let spoilt = unsafe SafetensorsTensor(name: "conv_in.bias", shape: [2]) { values in
        unsafe values[1] = value
      }
      try writeSafetensors(
        to: "\(folder)/unet/\(name)", tensors: [stored(0), spoilt, stored(2)])
      #expect(problem(folder).contains("\"conv_in.bias\" has 1 of 2 values infinite or NaN"))
    }
  }

  @Test func aCheckFindsEveryProblem() throws {
    try inTemporaryFolder { folder in
      try write(to: folder)
      let spoilt = unsafe SafetensorsTensor(name: "conv_in.bias", shape: [2]) { values in
        unsafe values[0] = .nan
      }
      try writeSafetensors(
        to: "\(folder)/unet/\(name)",
        tensors: [stored(2, as: "conv_in.weight"), spoilt, stored(1, as: "strange")])
      let problems = try DiffusersFolder(path: folder).problemsOfWeights(tensors)
      #expect(
        problems == [
          "\"conv_in.weight\" is [1], and [2, 1, 3, 3] by config.json",
          "\"conv_out.bias\" is missing",
          "\"strange\" is not a part of the network of config.json",
          "\"conv_in.bias\" has 1 of 2 values infinite or NaN",
        ])
    }
  }

  /// What a pipeline with more parts calls its network does not make an image alone.
  @Test(
    arguments: [
      (
        ["_class_name": "LDMPipeline", "vqvae": ["diffusers", "VQModel"]],
        "it is a LDMPipeline, and it has vqvae too"
      ),
      (
        ["_class_name": "X", "unet": ["diffusers", "UNet2DConditionModel"], "safe": [nil, nil]],
        "it is a X, and its unet is a UNet2DConditionModel"
      ),
    ] as [(JSONValue, String)])
  func otherPipelinesAreRefused(index: JSONValue, found: String) throws {
    try inTemporaryFolder { folder in
      try write(to: folder)
      try AtomicFile.write(index.serialized(), to: folder + "/model_index.json")
      #expect(problem(folder).contains(found))
    }
  }

  @Test func whatIsNoPipelineIsRefusedWithWhatWasFound() throws {
    try inTemporaryFolder { folder in
      try AtomicFile.write("", to: folder + "/model.ckpt")
      #expect(problem(folder).hasSuffix("; found was model.ckpt"))
      #expect(problem(folder + "/model.ckpt").contains("it is not a folder"))
      try write(to: folder)
      try Directory.remove(folder + "/model_index.json")
      #expect(try read(folder) == expected)
      try Directory.removeTree(folder + "/scheduler")
      #expect(problem(folder).contains("no scheduler_config.json"))
    }
  }
}
