/// What a job is made from, settled when it first starts and recorded in `inputs.json`: a job that
/// is run again uses the same model and the same files or fails, whatever has happened to the names
/// meanwhile.

import DurableIO
import GuardedFiles
import Jobs
import ModelFiles
import StrictJSON

/// The model that a job reads, and the other files beside it.
struct JobInputs {
  /// The value of `schema` in the file.
  static let schema = "ddpm.inputs/1"

  /// A file that must stay as it is while the job runs.
  struct PinnedFile: Equatable {
    var path: String
    var sha256: String

    init(path: String, _ access: FileAccess) throws(SystemError) {
      self.path = path
      sha256 = try SHA256.of(access.file(path)).hex
    }

    fileprivate init?(json: JSONValue?) {
      guard let path = json?["path"]?.string, let sha256 = json?["sha256"]?.string else {
        return nil
      }
      (self.path, self.sha256) = (path, sha256)
    }

    fileprivate var json: JSONValue { ["path": .string(path), "sha256": .string(sha256)] }
  }

  /// The model's folder.
  let model: String
  /// The files with its weights.
  private(set) var weights: [PinnedFile] = []
  /// Further files, by the job's keys.
  private(set) var files: [String: PinnedFile] = [:]
  /// What may be read of the model, and of the rest.
  private let modelAccess, access: FileAccess

  /// The key of files that are a part of the model begins so.
  static let rawWeights = "raw_weights"

  /// Resolves and pins.
  ///
  /// - key: where in the job file the model stands, such as `$.model`.
  /// - access: what may be read of what the job names.
  /// - files: given the model, the further files by their keys; nil where there is none.
  init(
    model reference: ModelReference, at key: String, in directory: JobDirectory,
    _ access: FileAccess, files: (JobInputs) throws -> [String: String?] = { _ in [:] }
  ) throws {
    let resolution = ModelResolution(directory, access)
    model = try resolution.path(of: reference, at: key)
    modelAccess = resolution.access(to: reference, at: model)
    self.access = access
    weights = try folder().weightFiles.map { try PinnedFile(path: $0, modelAccess) }
    for case (let key, let path?) in try files(self) {
      do throws(SystemError) {
        self.files[key] = try PinnedFile(path: path, self.access(toFileOf: key))
      } catch {
        throw JobFailure(error).at("$.\(key)")
      }
    }
  }

  /// Reads what `json` says; nil if that is not what a record says.
  init?(
    json: JSONObject, model reference: ModelReference, in directory: JobDirectory,
    _ access: FileAccess
  ) {
    guard json["schema"]?.string == Self.schema, let model = json["model"]?.string else {
      return nil
    }
    self.model = model
    modelAccess = ModelResolution(directory, access).access(to: reference, at: model)
    self.access = access
    weights = (json["weights"]?.array ?? [json["weights"] ?? .null]).compactMap(PinnedFile.init)
    for (key, value) in json.members where key != "weights" {
      files[key] = PinnedFile(json: value)
    }
    if weights.isEmpty { return nil }
  }

  /// Opens the model, or the one in its subfolder `name`.
  func folder(_ name: String? = nil) throws(ModelFileError) -> DiffusersFolder {
    try DiffusersFolder(path: path(name), access: modelAccess)
  }

  /// Whether the model has a subfolder `name`.
  func hasFolder(_ name: String) throws(SystemError) -> Bool {
    try modelAccess.exists(path(name))
  }

  private func path(_ name: String?) -> String { name.map { "\(model)/\($0)" } ?? model }

  private func access(toFileOf key: String) -> FileAccess {
    key.hasPrefix(Self.rawWeights) ? modelAccess : access
  }

  /// As JSON, also for the manifest: one file of weights is an object, shards are an array.
  var json: JSONObject {
    let weights = weights.map(\.json)
    var object: JSONObject = [
      "model": .string(model), "weights": weights.count == 1 ? weights[0] : .array(weights),
    ]
    for (key, file) in files.sorted(by: { $0.key < $1.key }) { object[key] = file.json }
    return object
  }

  /// The inputs recorded in the job's folder, unchanged since; at the first start, settles and
  /// records them.
  ///
  /// - files: as in `init`; called at the first start only.
  static func settled(
    model: ModelReference, in directory: JobDirectory, _ access: FileAccess,
    files: (JobInputs) throws -> [String: String?]
  ) throws(JobFailure) -> JobInputs {
    try attempt {
      if let record = try InputsRecord.read(in: directory) {
        guard let inputs = JobInputs(json: record, model: model, in: directory, access) else {
          throw InputsRecord.damaged(directory)
        }
        try inputs.requireUnchanged()
        return inputs
      }
      let inputs = try JobInputs(model: model, at: "$.model", in: directory, access, files: files)
      try InputsRecord.write(inputs.json, in: directory)
      return inputs
    }
  }

  /// Fails the job if a file is not what it was when it was pinned.
  func requireUnchanged() throws {
    let pinned =
      weights.map { ($0, modelAccess) } + files.map { ($0.value, access(toFileOf: $0.key)) }
    for (file, access) in pinned {
      guard try PinnedFile(path: file.path, access) == file else {
        throw JobFailure.failed(
          reason: "\(file.path) has changed since the job began; submit the job again")
      }
    }
  }
}

/// `inputs.json` in a job's folder.
enum InputsRecord {
  /// What was recorded; nil if nothing was yet.
  static func read(in directory: JobDirectory) throws -> JSONObject? {
    guard try Directory.exists(directory.inputs) else { return nil }
    guard let json = try? JSONValue(parsing: try readFile(directory.inputs)).object else {
      throw damaged(directory)
    }
    return json
  }

  /// Records `inputs`, durably.
  static func write(_ inputs: JSONObject, in directory: JobDirectory) throws(SystemError) {
    var json = inputs
    json["schema"] = .string(JobInputs.schema)
    try AtomicFile.write(
      JSONValue.object(json).serialized(pretty: true) + "\n", to: directory.inputs)
  }

  static func damaged(_ directory: JobDirectory) -> JobFailure {
    .failed(reason: "\(directory.inputs) is damaged; submit the job again")
  }
}
