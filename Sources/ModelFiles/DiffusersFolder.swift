/// A trained model on disk, as Hugging Face's diffusers keeps a `DDPMPipeline`:
///
///     model_index.json
///     unet/config.json
///     unet/diffusion_pytorch_model.safetensors
///     scheduler/scheduler_config.json
///
/// What is written loads with `DDPMPipeline.from_pretrained(folder)`. What is read may also be the
/// flat folder of the first published models, with the U-Net's and the scheduler's files side by
/// side, and may use their names for the attention's tensors. Every tensor's name and shape is
/// checked before any is read.

import DurableIO
public import ModelConfig
import StrictJSON
public import TensorFiles

/// A model folder whose configs have been read.
public struct DiffusersFolder: Sendable {
  /// The folder.
  public let path: String
  /// The network's architecture.
  public let unet: UNetConfig
  /// The noise schedule.
  public let scheduler: SchedulerConfig
  /// The safetensors file with the network's parameters.
  public let weightsPath: String

  /// Every file that the parameters are read from.
  public var weightFiles: [String] { [weightsPath] }

  /// Opens the folder at `path` and reads its configs.
  public init(path: String) throws(ModelFileError) {
    self.path = path
    let network = try Self.subfolder("unet", of: path)
    let schedule = try Self.subfolder("scheduler", of: path)
    guard try Self.exists(network + "/config.json"),
      try Self.exists(schedule + "/scheduler_config.json")
    else { throw .unusable(path: path, problem: try Self.whyNoPipeline(path)) }
    unet = try Self.config(network + "/config.json") { (json) throws(JSONContentError) in
      try UNetConfig(json: json)
    }
    scheduler = try Self.config(schedule + "/scheduler_config.json") {
      (json) throws(JSONContentError) in try SchedulerConfig(json: json)
    }
    weightsPath = network + "/" + Self.weightsName
    guard try Self.exists(weightsPath) else {
      throw .unusable(
        path: network,
        problem: "it has no \(Self.weightsName); save the model again with diffusers'"
          + " save_pretrained(folder, safe_serialization=True)")
    }
  }

  /// Reads the network's parameters.
  ///
  /// - tensors: names and shapes that the file must have, no more and no less.
  /// - receive: called once for each with its index and its values in C order.
  public func readWeights(
    _ tensors: [(name: String, shape: [Int])],
    receive: (_ index: Int, _ values: UnsafeBufferPointer<Float>) -> Void
  ) throws(ModelFileError) {
    do {
      let file = try SafetensorsFile(path: weightsPath)
      let names = try Self.match(tensors, in: file)
      for (index, name) in names.enumerated() {
        let count = tensors[index].shape.reduce(1, *)
        let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
        defer { unsafe values.deallocate() }
        unsafe values.initialize(repeating: 0)
        try unsafe file.read(name, into: values)
        unsafe receive(index, UnsafeBufferPointer(values))
      }
    } catch let error as TensorFileError {
      throw ModelFileError(error)
    } catch let error as ModelFileError {
      throw error
    } catch {
      preconditionFailure("only these errors are thrown above")
    }
  }

  /// Writes a model folder, file by file; the folder is whole once this returns.
  ///
  /// - tensors: the network's parameters under diffusers' names and in its shapes.
  public static func write(
    to path: String, unet: UNetConfig, scheduler: SchedulerConfig, tensors: [SafetensorsTensor]
  ) throws(ModelFileError) {
    do {
      try Directory.create(path + "/unet")
      try Directory.create(path + "/scheduler")
      try AtomicFile.write(
        modelIndex.serialized(pretty: true) + "\n", to: path + "/model_index.json")
      try AtomicFile.write(
        unet.json.serialized(pretty: true) + "\n", to: path + "/unet/config.json")
      try AtomicFile.write(
        scheduler.json.serialized(pretty: true) + "\n",
        to: path + "/scheduler/scheduler_config.json")
    } catch {
      throw .system(error)
    }
    do {
      try writeSafetensors(
        to: path + "/unet/" + weightsName, tensors: tensors, metadata: ["format": "pt"])
    } catch {
      throw ModelFileError(error)
    }
  }

  private static let weightsName = "diffusion_pytorch_model.safetensors"
  private static let configLimit = 1 << 20

  private static let modelIndex: JSONValue = [
    "_class_name": "DDPMPipeline",
    "_diffusers_version": .string(diffusersVersion),
    "scheduler": ["diffusers", "DDPMScheduler"],
    "unet": ["diffusers", "UNet2DModel"],
  ]

  /// The folder `name` in `path`, or `path` itself where it has none.
  private static func subfolder(
    _ name: String, of path: String
  ) throws(ModelFileError) -> String {
    try exists("\(path)/\(name)") ? "\(path)/\(name)" : path
  }

  /// What is wrong with a folder that lacks a config, and where the right one may be.
  private static func whyNoPipeline(_ path: String) throws(ModelFileError) -> String {
    guard try exists(path) else { return "there is no such folder" }
    let parent = "/" + path.split(separator: "/").dropLast().joined(separator: "/")
    if try exists(parent + "/model_index.json") {
      return "it is a part of the diffusers pipeline folder \(parent); use that"
    }
    var missing: [String] = []
    for name in ["model_index.json", "unet/config.json", "scheduler/scheduler_config.json"]
    where try !exists("\(path)/\(name)") {
      missing.append(name)
    }
    return "it is not a diffusers pipeline folder: it has no " + missing.joined(separator: ", no ")
  }

  private static func exists(_ path: String) throws(ModelFileError) -> Bool {
    do {
      return try Directory.exists(path)
    } catch {
      throw .system(error)
    }
  }

  private static func config<Config>(
    _ path: String, _ decode: (JSONValue) throws(JSONContentError) -> Config
  ) throws(ModelFileError) -> Config {
    let bytes: [UInt8]
    do {
      bytes = try readFile(path, limit: configLimit)
    } catch {
      throw .system(error)
    }
    let json: JSONValue
    do {
      json = try JSONValue(parsing: bytes)
    } catch {
      throw .unusable(path: path, problem: "\(error)")
    }
    do {
      return try decode(json)
    } catch {
      throw .unusable(path: path, problem: "\(error)")
    }
  }

  /// The names under which `file` has the tensors asked for.
  private static func match(
    _ tensors: [(name: String, shape: [Int])], in file: SafetensorsFile
  ) throws(ModelFileError) -> [String] {
    let names = tensors.map { tensor in
      file.entry(tensor.name) == nil ? oldName(tensor.name) : tensor.name
    }
    var problems: [String] = []
    for (tensor, name) in zip(tensors, names) {
      guard let entry = file.entry(name) else {
        problems.append("\"\(tensor.name)\" is missing")
        continue
      }
      if entry.shape != tensor.shape {
        problems.append("\"\(name)\" is \(entry.shape), and \(tensor.shape) by config.json")
      }
    }
    let known = Set(names)
    for name in file.names where !known.contains(name) {
      problems.append("\"\(name)\" is not a part of the network of config.json")
    }
    guard problems.isEmpty else {
      let rest = problems.count > 5 ? ", and \(problems.count - 5) more" : ""
      throw .unusable(
        path: file.path,
        problem: "tensors do not fit: " + problems.prefix(5).joined(separator: "; ") + rest)
    }
    return names
  }

  /// What an attention's tensor was called before diffusers 0.15.
  private static func oldName(_ name: String) -> String {
    for (new, old) in [
      ("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn"),
    ] {
      for kind in ["weight", "bias"] where name.hasSuffix(".\(new).\(kind)") {
        return name.dropLast("\(new).\(kind)".count) + "\(old).\(kind)"
      }
    }
    return name
  }
}
