/// What a job is made from, settled when it first starts and recorded in `inputs.json`: a job that
/// is run again uses the same model and the same files or fails, whatever has happened to the names
/// meanwhile.

import DurableIO
import Jobs
import ModelFiles
import StrictJSON

/// The model that a job reads, and the other files beside it.
struct JobInputs: Equatable {
  /// The value of `schema` in the file.
  static let schema = "ddpm.inputs/1"

  /// A file that must stay as it is while the job runs.
  struct PinnedFile: Equatable {
    var path: String
    var sha256: String

    init(path: String) throws(SystemError) {
      self.path = path
      sha256 = try SHA256.of(file: path).hex
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
  var model: String
  /// The files with its weights.
  var weights: [PinnedFile]
  /// Further files, by the job's keys.
  var files: [String: PinnedFile]

  /// Resolves and pins.
  ///
  /// - key: where in the job file the model stands, such as `$.model`.
  /// - files: given the model's folder, the further files by their keys; nil where there is none.
  init(
    model reference: ModelReference, at key: String, in directory: JobDirectory,
    files: (_ model: String) throws -> [String: String?] = { _ in [:] }
  ) throws {
    model = try ModelResolution.path(of: reference, at: key, from: directory)
    weights = try DiffusersFolder(path: model).weightFiles.map(PinnedFile.init)
    self.files = [:]
    for case (let key, let path?) in try files(model) {
      do throws(SystemError) {
        self.files[key] = try PinnedFile(path: path)
      } catch {
        throw JobFailure(error).at("$.\(key)")
      }
    }
  }

  /// Reads what `json` says; nil if that is not what a record says.
  init?(json: JSONObject) {
    guard json["schema"]?.string == Self.schema, let model = json["model"]?.string else {
      return nil
    }
    self.model = model
    weights = (json["weights"]?.array ?? [json["weights"] ?? .null]).compactMap(PinnedFile.init)
    files = [:]
    for (key, value) in json.members where key != "weights" {
      files[key] = PinnedFile(json: value)
    }
    if weights.isEmpty { return nil }
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
    model: ModelReference, in directory: JobDirectory,
    files: (_ model: String) throws -> [String: String?]
  ) throws(JobFailure) -> JobInputs {
    try attempt {
      if let record = try InputsRecord.read(in: directory) {
        guard let inputs = JobInputs(json: record) else { throw InputsRecord.damaged(directory) }
        try inputs.requireUnchanged()
        return inputs
      }
      let inputs = try JobInputs(model: model, at: "$.model", in: directory, files: files)
      try InputsRecord.write(inputs.json, in: directory)
      return inputs
    }
  }

  /// Fails the job if a file is not what it was when it was pinned.
  func requireUnchanged() throws {
    for file in weights + files.values {
      guard try PinnedFile(path: file.path) == file else {
        throw JobFailure.failed(
          reason: "\(file.path) has changed since the job began; submit the job again")
      }
    }
  }
}

/// `inputs.json` in a job's folder.
enum InputsRecord {
  private static func path(_ directory: JobDirectory) -> String { directory.path + "/inputs.json" }

  /// What was recorded; nil if nothing was yet.
  static func read(in directory: JobDirectory) throws -> JSONObject? {
    guard try Directory.exists(path(directory)) else { return nil }
    guard let json = try? JSONValue(parsing: try readFile(path(directory))).object else {
      throw damaged(directory)
    }
    return json
  }

  /// Records `inputs`, durably.
  static func write(_ inputs: JSONObject, in directory: JobDirectory) throws(SystemError) {
    var json = inputs
    json["schema"] = .string(JobInputs.schema)
    try AtomicFile.write(
      JSONValue.object(json).serialized(pretty: true) + "\n", to: path(directory))
  }

  static func damaged(_ directory: JobDirectory) -> JobFailure {
    .failed(reason: "\(path(directory)) is damaged; submit the job again")
  }
}
