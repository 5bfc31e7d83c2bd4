import ArgumentParser
import DurableIO
import Glibc
import Jobs
import ModelConfig
import ModelFiles
import StrictJSON

/// A job file on the user's side, read and checked before anything is submitted.
struct JobFile {
  /// How people call the file.
  let name: String
  /// The job; of an array the first one.
  let spec: JobSpec
  /// Nil if the file is one job.
  let array: JobArray?
  /// What to submit: the file as it is, or with what was changed in it.
  private(set) var bytes: [UInt8]

  /// Reads a file, or standard input for `-`. Relative paths in it are taken from its folder.
  ///
  /// - change: What is made of it before it is checked.
  ///
  /// Throws: `Refusal` with everything that is wrong with the file, a line each.
  init(_ path: String, changing change: (JSONValue) -> JSONValue = { $0 }) throws {
    let name = path == "-" ? "standard input" : path
    let bytes: [UInt8]
    // What the daemon would not admit need not be read either.
    let limit = 1 << 20
    do {
      bytes = try path == "-" ? Terminal.readInput(limit: limit) : Self.read(path, limit: limit)
    } catch  where error.code == EFBIG {
      throw Refusal("\(name): a job file has at most 1 MiB", Exit.wrongFile)
    } catch {
      throw Refusal("\(name): it cannot be read: \(error.reason)")
    }
    let original: JSONValue
    do {
      original = try JSONValue(parsing: bytes)
    } catch {
      throw Refusal("\(name):\(error.line):\(error.column): \(error.problem)", Exit.wrongFile)
    }
    let folder = path == "-" ? nil : path.lastIndex(of: "/").map { String(path[..<$0]) }
    let json = change(original.makingPathsAbsolute(in: absolutePath(folder ?? ".")))
    try self.init(named: name, json)
    if json == original { self.bytes = bytes }
  }

  /// Reads a file, or a pipe as a shell's `<(…)` makes one.
  private static func read(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
    let file = try OpenFile(reading: path)
    if try file.status().kind == .regular { return try readFile(path, limit: limit) }
    return try Terminal.readInput(file.descriptor, limit: limit)
  }

  /// Checks what a file is to say.
  ///
  /// Throws: as above.
  init(named name: String, _ json: JSONValue) throws {
    self.name = name
    do {
      array = try JobArray(json: json)
      spec = try array?.spec(of: 0) ?? JobSpec(json: json)
      if let array { for index in 1..<array.count { _ = try array.spec(of: index) } }
    } catch let error as JSONContentError {
      throw Refusal(
        error.problems.map { "\(name): \($0)" }.joined(separator: "\n"), Exit.wrongFile)
    }
    bytes = Array((json.serialized(pretty: true) + "\n").utf8)
  }

  /// The model that the job reads, and where in the file it stands.
  var model: (key: String, reference: ModelReference)? {
    switch spec.work {
    case .train(let train): train.initial.map { ("$.init", $0) }
    case .sample, .evaluate: spec.work.model.map { ("$.model", $0) }
    }
  }

  /// What the job takes if it trains; of an array's the first one.
  ///
  /// Throws: `Refusal` if it cannot run because of what it says itself.
  func cost() throws -> TrainingCost? {
    let cost = TrainingCost(of: spec)
    if let refusal = cost?.refusal { throw Refusal("\(name): \(refusal)", Exit.wrongFile) }
    return cost
  }

  /// What the job, of an array's the first one, asks of the model in `folder` that this does not have,
  /// or why that is no model, in a sentence; nil if nothing, or if there is no such folder.
  func misfit(with folder: String) -> String? {
    do {
      let model = try DiffusersFolder(path: folder)
      try checkFit(of: model, try model.classes())
      return nil
    } catch let error as JSONContentError {
      return error.description.inOneLine
    } catch {
      // What is not there yet may come to be.
      guard (try? Directory.exists(folder)) == true, let key = self.model?.key else { return nil }
      return "\(key): \("\(error)".inOneLine)"
    }
  }

  private func checkFit(
    of model: DiffusersFolder, _ classes: ModelClasses?
  ) throws {
    switch spec.work {
    case .train(let train):
      let settled = try train.settled(startingFrom: (model.unet, model.scheduler))
      try train.checkLabels(
        hasClasses: settled.unet.numClassEmbeds != nil,
        hasNullClass: classes?.hasNullClass)
    case .sample(let sample):
      try sample.sampler.checkSteps(of: model.scheduler)
      _ = try sample.classNumbers(
        of: classes?.names, hasNullClass: classes?.nullClass != nil)
    case .evaluate(let evaluate):
      try evaluate.checkWeights(hasPlain: Directory.exists(model.path + "/raw"))
      try evaluate.checkTimesteps(of: model.scheduler)
      try evaluate.checkLabels(hasClasses: classes != nil)
    }
  }

  /// Files that the job needs and that are not on this machine, each as a sentence.
  var missingFiles: [String] {
    let paths: [(String, String?)] =
      switch spec.work {
      case .train(let train):
        [("$.dataset.path", train.dataset.path), ("$.dataset.labels", train.dataset.labels.file)]
      case .sample(let sample): sample.files
      case .evaluate(let evaluate): [("$.dataset.path", evaluate.dataset.path)]
      }
    let folder = model.map { ("\($0.key).path", $0.reference.folder) }
    return (paths + [folder].compactMap { $0 }).compactMap { key, path in
      guard let path, let exists = try? Directory.exists(path), !exists else { return nil }
      return "\(key): there is no \(path) on this machine; the job fails unless its worker finds it"
    }
  }
}

extension LabelPlace {
  fileprivate var file: String? { if case .file(let path) = self { path } else { nil } }
}

extension SampleSpec {
  /// The files that the job reads beside its model, by where they stand.
  fileprivate var files: [(String, String?)] {
    task.files.sorted { $0.key < $1.key }.map { ("$.task.\($0)", $1) } + [
      ("$.initial_noise", initialNoise), ("$.neighbours.dataset.path", neighbours?.dataset.path),
    ]
  }
}

extension ModelReference {
  /// Where it is, if it is no job's.
  var folder: String? { if case .path(let folder) = self { folder } else { nil } }

  /// The job that makes it, if one does.
  var job: JobReference? {
    switch self {
    case .path: nil
    case .job(let id): .number(id)
    case .jobNamed(let name): .name(name)
    }
  }
}

extension JSONValue {
  /// The job with the paths in it taken from `folder`. Changes nothing that is not a path, nor
  /// what looks like a home folder, which is refused rather than taken for a folder named `~`.
  func makingPathsAbsolute(in folder: String) -> JSONValue {
    let paths = [
      ["dataset", "path"], ["dataset", "labels"], ["model", "path"], ["init", "path"],
      ["initial_noise"], ["task", "from"], ["task", "to"], ["task", "image"], ["task", "mask"],
      ["neighbours", "dataset", "path"],
    ]
    func resolved(_ path: String) -> String {
      path.isEmpty || path.hasPrefix("~") ? path : absolutePath(path, in: folder)
    }
    return paths.reduce(self) { json, keys in
      let json = json.changingString(at: keys[...], resolved)
      // The same key where it differs between the jobs of an array.
      let key = keys.joined(separator: ".")
      guard var file = json.object, var array = file["array"]?.object,
        let values = array[key]?.array
      else { return json }
      array[key] = .array(
        values.map { value in value.string.map { .string(resolved($0)) } ?? value })
      file["array"] = .object(array)
      return .object(file)
    }
  }

  private func changingString(
    at keys: ArraySlice<String>, _ change: (String) -> String
  ) -> JSONValue {
    guard let key = keys.first else { return string.map { .string(change($0)) } ?? self }
    guard var object, let member = object[key] else { return self }
    object[key] = member.changingString(at: keys.dropFirst(), change)
    return .object(object)
  }
}
