/// `results/` of a job: built in `results.partial/`, then renamed, so that it appears whole.
/// The files in it need not be synced one by one.
///
/// `manifest.json` is written last, and seals the folder: from then on the results are whole and on
/// disk, and all else that the job has stored for itself is superfluous. It is cleared away before
/// the folder gets its final name, so that nothing of it is left when the job is done, wherever its
/// worker dies. The manifest says what the files were made from, names the kernels that computed
/// them, and lists every other file with its size and SHA-256.

import DurableIO
import Jobs
import StrictJSON
import TensorCore

/// The results of one job while they are being made.
struct ResultsFolder {
  /// The value of `schema` in the manifest.
  static let schema = "ddpm.manifest/1"

  private let directory: JobDirectory
  private let sync: FileSystemSync

  /// Whether the job's results are published: it is done.
  static func isPublished(_ directory: JobDirectory) throws(SystemError) -> Bool {
    try Directory.exists(directory.results)
  }

  /// Whether the results of `job` are whole, and lack their final name alone.
  static func isSealed(_ directory: JobDirectory, for job: JobSpec) throws(SystemError) -> Bool {
    guard let text = try readFileIfPresent(manifest(in: directory)),
      let sealed = (try? JSONValue(parsing: text))?["job"]
    else { return false }
    // Those of a job that was extended behind their seal are of another.
    guard (try? JobSpec(json: sealed)) == job else { return false }
    // Whoever sealed them may have been killed before the seal was durable.
    try Directory.sync(directory.resultsInProgress)
    return true
  }

  /// Gives sealed results their final name, durably.
  static func publish(_ directory: JobDirectory) throws(SystemError) {
    try Directory.renameWithoutReplacing(directory.resultsInProgress, to: directory.results)
    try Directory.sync(directory.path)
  }

  private static func manifest(in directory: JobDirectory) -> String {
    directory.resultsInProgress + "/manifest.json"
  }

  /// The folder in the making, made where missing. Of what an earlier run of the job left, what
  /// `kept` names stays; all else would be made again.
  init(_ directory: JobDirectory, keeping kept: Set<String> = []) throws(SystemError) {
    self.directory = directory
    try Directory.create(directory.resultsInProgress)
    sync = try FileSystemSync(directory.resultsInProgress)
    for name in try Directory.names(in: path) where !kept.contains(name) {
      try Directory.removeTree("\(path)/\(name)")
    }
    for name in try Directory.names(in: path) {
      try Directory.removeTemporaries(in: "\(path)/\(name)")
    }
  }

  /// Where the files go for now.
  var path: String { directory.resultsInProgress }

  /// Seals the folder, durably.
  ///
  /// - inputs: what the results were made from, beside the job itself.
  func seal(spec: JobSpec, inputs: JSONObject) throws(SystemError) {
    var files: [JSONValue] = []
    for name in try Self.files(in: path) {
      let file = "\(path)/\(name)"
      files.append([
        "path": .string(name), "bytes": .integer(try FileStatus(ofLink: file).size),
        "sha256": .string(try SHA256.of(file: file).hex),
      ])
    }
    let manifest: JSONValue = [
      "schema": .string(Self.schema),
      "job": spec.json,
      "inputs": .object(inputs),
      "kernels": .string(Kernels.inUse),
      "files": .array(files),
    ]
    try sync.finish()
    try AtomicFile.write(
      manifest.serialized(pretty: true) + "\n", to: Self.manifest(in: directory))
  }

  /// All regular files below `path`, relative to it, sorted.
  private static func files(in path: String) throws(SystemError) -> [String] {
    var files: [String] = []
    for name in try Directory.names(in: path) where name != "manifest.json" {
      if try FileStatus(ofLink: "\(path)/\(name)").kind == .directory {
        files += try Self.files(in: "\(path)/\(name)").map { "\(name)/\($0)" }
      } else {
        files.append(name)
      }
    }
    return files
  }
}
