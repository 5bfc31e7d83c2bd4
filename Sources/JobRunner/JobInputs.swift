/// What a sample job is made from, settled when it first starts and recorded in `inputs.json`: a
/// job that is run again uses the same model and the same noise or fails, whatever has happened to
/// the names meanwhile.

import DurableIO
import Jobs
import ModelFiles
import StrictJSON

/// A sample job's model, and the noise it starts from.
struct JobInputs: Equatable {
  /// The value of `schema` in the file.
  static let schema = "ddpm.inputs/1"

  /// A file that must stay as it is while the job runs.
  struct PinnedFile: Equatable {
    var path: String
    var sha256: String
  }

  /// The model's folder.
  var model: String
  /// Its safetensors file.
  var weights: PinnedFile
  /// Nil starts from the seed's noise.
  var initialNoise: PinnedFile?

  /// As JSON, also for the manifest.
  var json: JSONObject {
    var object: JSONObject = [
      "model": .string(model),
      "weights": ["path": .string(weights.path), "sha256": .string(weights.sha256)],
    ]
    if let initialNoise {
      object["initial_noise"] = [
        "path": .string(initialNoise.path), "sha256": .string(initialNoise.sha256),
      ]
    }
    return object
  }

  /// The inputs recorded in the job's folder, unchanged since; at the first start, settles and
  /// records them.
  static func settled(
    for spec: SampleSpec, in directory: JobDirectory
  ) throws(JobFailure) -> JobInputs {
    let record = directory.path + "/inputs.json"
    return try attempt {
      if try Directory.exists(record) { return try recorded(at: record) }
      let model = try ModelResolution.path(of: spec.model, from: directory)
      let weights = try DiffusersFolder(path: model).weightsPath
      let inputs = JobInputs(
        model: model, weights: try pin(weights), initialNoise: try spec.initialNoise.map(pin))
      var json = inputs.json
      json["schema"] = .string(schema)
      try AtomicFile.write(JSONValue.object(json).serialized(pretty: true) + "\n", to: record)
      return inputs
    }
  }

  private static func pin(_ path: String) throws(SystemError) -> PinnedFile {
    PinnedFile(path: path, sha256: try SHA256.of(file: path).hex)
  }

  private static func recorded(at path: String) throws -> JobInputs {
    let json = try JSONValue(parsing: try readFile(path))
    func file(_ key: String) throws -> PinnedFile? {
      guard let path = json[key]?["path"]?.string, let sha256 = json[key]?["sha256"]?.string
      else { return nil }
      let file = PinnedFile(path: path, sha256: sha256)
      guard try pin(path) == file else {
        throw JobFailure.failed(
          reason: "\(path) has changed since the job began; submit the job again")
      }
      return file
    }
    guard json["schema"]?.string == schema, let model = json["model"]?.string,
      let weights = try file("weights")
    else {
      throw JobFailure.failed(reason: "\(path) is damaged; submit the job again")
    }
    return JobInputs(model: model, weights: weights, initialNoise: try file("initial_noise"))
  }
}
