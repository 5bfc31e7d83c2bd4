import Glibc

/// A file that appears whole or not at all, and stays.
///
/// The content is written to a temporary in the same directory, synced, renamed, and the
/// directory is synced: after `publish` returns, neither a crash nor a power cut undoes it, and at
/// every moment a reader finds the old content or the new. Where anything fails, also the sync,
/// the temporary is thrown away and whatever stood under the name still does; the caller writes
/// anew. A process killed in between leaves a temporary behind, which
/// `Directory.removeTemporaries` clears away.
///
///     try AtomicFile.write(bytes, to: path)
///     try AtomicFile.write(to: path) { (file) throws(SystemError) in try file.write(part) }
public struct AtomicFile: ~Copyable {
  private let file: OpenFile
  private let path: String
  private let replacing: Bool
  private let synced: Bool
  private var published = false

  /// Begins a file that `publish` will put at `path`.
  ///
  /// - mode: permission bits, before the umask.
  /// - replacing: false makes `publish` fail with `EEXIST` where something is at `path` already.
  /// - synced: false gives up durability, not wholeness, for a file that is rewritten every second.
  public init(
    _ path: String, mode: UInt32 = 0o644, replacing: Bool = true, synced: Bool = true
  ) throws(SystemError) {
    self.path = path
    self.replacing = replacing
    self.synced = synced
    let (directory, name) = splitPath(path)
    let token = String(UInt64.random(in: .min ... .max), radix: 36)
    file = try OpenFile(
      "\(directory)/.\(name).\(token)\(temporarySuffix)",
      flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
  }

  deinit {
    if !published { try? Directory.remove(file.path) }
  }

  /// Appends `bytes`.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    try unsafe file.write(bytes)
  }

  /// Appends `bytes`.
  public func write(_ bytes: [UInt8]) throws(SystemError) { try file.write(bytes) }

  /// Returns when what was appended is on the disk; for a file that is not `synced`, because its name
  /// is made durable together with other changes of that directory.
  public func sync(_ source: StaticString = #fileID, _ line: Int = #line) throws(SystemError) {
    try file.sync(source, line)
  }

  /// Puts the file in its place, durably.
  public consuming func publish() throws(SystemError) {
    if synced { try file.sync() }
    if replacing {
      try Directory.rename(file.path, to: path)
    } else {
      try Directory.renameWithoutReplacing(file.path, to: path)
    }
    published = true
    if synced { try Directory.sync(splitPath(path).directory) }
  }

  /// Writes a whole file; see `AtomicFile` for what is promised.
  public static func write(
    _ bytes: [UInt8], to path: String, mode: UInt32 = 0o644, replacing: Bool = true,
    synced: Bool = true
  ) throws(SystemError) {
    let file = try AtomicFile(path, mode: mode, replacing: replacing, synced: synced)
    try file.write(bytes)
    try file.publish()
  }

  /// Writes a whole file of text.
  public static func write(
    _ text: String, to path: String, mode: UInt32 = 0o644, replacing: Bool = true,
    synced: Bool = true
  ) throws(SystemError) {
    try write(Array(text.utf8), to: path, mode: mode, replacing: replacing, synced: synced)
  }

  /// Writes a file part by part; it is published when `body` returns and dropped when it throws.
  public static func write(
    to path: String, mode: UInt32 = 0o644,
    _ body: (borrowing AtomicFile) throws(SystemError) -> Void
  ) throws(SystemError) {
    let file = try AtomicFile(path, mode: mode)
    try body(file)
    try file.publish()
  }
}

/// How the name of an unfinished `AtomicFile` ends; it begins with a dot.
let temporarySuffix = ".tmp"

/// The directory and the name that `path` consists of.
func splitPath(_ path: String) -> (directory: String, name: String) {
  guard let slash = path.lastIndex(of: "/") else { return (".", path) }
  let directory = path[..<slash]
  return (directory.isEmpty ? "/" : String(directory), String(path[path.index(after: slash)...]))
}
