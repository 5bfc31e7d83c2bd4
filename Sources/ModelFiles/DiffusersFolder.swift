/// A trained model on disk, as Hugging Face's diffusers keeps a `DDPMPipeline`:
///
///     model_index.json
///     unet/config.json
///     unet/diffusion_pytorch_model.safetensors
///     scheduler/scheduler_config.json
///
/// What is written loads with `DDPMPipeline.from_pretrained(folder)`. What is read may also be the
/// flat folder of the first published models, with the U-Net's and the scheduler's files side by
/// side, and may use their names for the attention's tensors; the parameters may be halves, in
/// shards, or a variant (`WeightFiles`). Every tensor's name and shape is checked before any is read.

import DurableIO
public import GuardedFiles
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
  /// The files with the network's parameters.
  let weights: WeightFiles
  let access: FileAccess

  /// Every file that the parameters are read from; of a model in shards also their index.
  public var weightFiles: [String] { weights.paths }

  /// Opens the folder at `path` and reads its configs.
  ///
  /// - access: what may be read.
  public init(
    path: String, access: FileAccess = .ofThisProcess
  ) throws(ModelFileError) {
    self.path = path
    self.access = access
    try access.requirePipeline(path)
    let network = try access.subfolder("unet", of: path)
    let schedule = try access.subfolder("scheduler", of: path)
    unet = try access.config(network + "/config.json") { (json) throws(JSONContentError) in
      try UNetConfig(json: json)
    }
    scheduler = try access.config(schedule + "/scheduler_config.json") {
      (json) throws(JSONContentError) in try SchedulerConfig(json: json)
    }
    if let problem = unet.outputProblem(with: scheduler) {
      throw .unusable(path: network + "/config.json", problem: "$.out_channels: \(problem)")
    }
    weights = try WeightFiles(in: network, access)
  }

  /// Writes a model folder, file by file; the folder is whole once this returns, and durable after
  /// a `FileSystemSync`.
  ///
  /// - tensors: the network's parameters under diffusers' names and in its shapes.
  public static func write(
    to path: String, unet: UNetConfig, scheduler: SchedulerConfig, tensors: [SafetensorsTensor]
  ) throws(ModelFileError) {
    do {
      try Directory.create(path + "/unet", synced: false)
      try Directory.create(path + "/scheduler", synced: false)
      try AtomicFile.write(
        modelIndex.serialized(pretty: true) + "\n", to: path + "/model_index.json",
        synced: false)
      try AtomicFile.write(
        unet.json.serialized(pretty: true) + "\n", to: path + "/unet/config.json", synced: false)
      try AtomicFile.write(
        scheduler.json.serialized(pretty: true) + "\n",
        to: path + "/scheduler/scheduler_config.json", synced: false)
    } catch {
      throw .system(error)
    }
    do {
      try writeSafetensors(
        to: path + "/unet/" + WeightFiles.name, tensors: tensors, metadata: ["format": "pt"],
        synced: false)
    } catch {
      throw ModelFileError(error)
    }
  }

  private static let modelIndex: JSONValue = [
    "_class_name": "DDPMPipeline",
    "_diffusers_version": .string(diffusersVersion),
    "scheduler": ["diffusers", "DDPMScheduler"],
    "unet": ["diffusers", "UNet2DModel"],
  ]
}

extension FileAccess {
  /// The folder `name` in `path`, or `path` itself where it has none.
  func subfolder(_ name: String, of path: String) throws(ModelFileError) -> String {
    try has("\(path)/\(name)") ? "\(path)/\(name)" : path
  }

  /// Whether anything is at `path`.
  func has(_ path: String) throws(ModelFileError) -> Bool {
    do {
      return try exists(path)
    } catch {
      throw .system(error)
    }
  }

  /// The content of a config, or of another small file.
  func read(_ path: String, limit: Int = 1 << 20) throws(ModelFileError) -> [UInt8] {
    do {
      return try file(path).readAll(limit: limit)
    } catch {
      throw .system(error)
    }
  }

  /// Reads a config.
  func config<Config>(
    _ path: String, _ decode: (JSONValue) throws(JSONContentError) -> Config
  ) throws(ModelFileError) -> Config {
    let bytes = try read(path)
    let json: JSONValue
    do {
      json = try JSONValue(parsing: bytes, allowingInfinity: true)
    } catch {
      throw .unusable(path: path, problem: "\(error)")
    }
    do {
      return try decode(json)
    } catch {
      throw .unusable(path: path, problem: "\(error)")
    }
  }
}
