import DurableIO
import Jobs
import StrictJSON

/// The files of a job's results, by their paths in `results/`, each with the SHA-256 of what its
/// promise covers: of `metrics.jsonl` all but the speed.
///
/// `manifest.json` names paths and numbers of its own job and is not among them; its list of files
/// must be that of the folder.
struct ResultFiles: Equatable {
  private(set) var hashes: [String: String]

  /// Reads the folder `path`.
  ///
  /// Throws: `Violation` where the manifest says otherwise than the folder.
  init(_ path: String) throws {
    var hashes: [String: String] = [:]
    var listed: [String: String] = [:]
    for file in try Self.files(in: path) where file != "manifest.json" {
      listed[file] = try SHA256.of(file: "\(path)/\(file)").hex
      hashes[file] = listed[file]
    }
    let manifest = try JSONValue(parsing: try readFile(path + "/manifest.json", limit: 1 << 24))
    let pairs = (manifest["files"]?.array ?? []).map {
      ($0["path"]?.string ?? "", $0["sha256"]?.string ?? "")
    }
    let promised = Dictionary(pairs) { $1 }
    guard promised == listed, pairs.count == listed.count else {
      throw Violation(
        found: "the manifest of \(path) does not list what is there: "
          + Self.difference(listed, promised),
        expected: "every file with its SHA-256")
    }
    if listed["metrics.jsonl"] != nil {
      hashes["metrics.jsonl"] = try Self.metrics(path + "/metrics.jsonl")
    }
    self.hashes = hashes
  }

  /// What differs from `other`, in words.
  func difference(from other: ResultFiles) -> String { Self.difference(hashes, other.hashes) }

  /// Drops the files below `folder` that are not among `others`.
  mutating func omit(_ folder: String, missingIn others: ResultFiles) {
    hashes = hashes.filter { file, _ in !file.hasPrefix(folder) || others.hashes[file] != nil }
  }

  private static func difference(_ a: [String: String], _ b: [String: String]) -> String {
    Set(a.keys).union(b.keys).sorted().filter { a[$0] != b[$0] }.map { file in
      "\(file) is \(a[file]?.prefix(12) ?? "missing") and not \(b[file]?.prefix(12) ?? "there")"
    }.joined(separator: ", ")
  }

  private static func metrics(_ path: String) throws -> String {
    let lines = try AppendLog.lines(of: path).map { line in
      var fields = try JSONValue(parsing: String(line)).object ?? [:]
      fields["images_per_second"] = nil
      return JSONValue.object(fields).serialized()
    }
    return SHA256.of(Array(lines.joined(separator: "\n").utf8)).hex
  }

  /// All files below `path`, relative to it.
  static func files(in path: String) throws -> [String] {
    try Directory.names(in: path).flatMap { name in
      try FileStatus(ofLink: "\(path)/\(name)").kind == .directory
        ? files(in: "\(path)/\(name)").map { "\(name)/\($0)" } : [name]
    }
  }
}
