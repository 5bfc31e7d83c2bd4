public import DurableIO
import Glibc
import Synchronization

/// An open folder, and the way to what is in it: the same folder until the object goes, whatever
/// becomes of its name.
public final class GuardedFolder: Sendable {
  /// The path that it was opened under.
  public let path: String
  private let place: Place
  private let access: FileAccess
  private let latest = Mutex<GuardedFolder?>(nil)

  init(
    _ path: String, from start: Place?, naming name: String, _ access: FileAccess
  ) throws(SystemError) {
    self.path = name
    self.access = access
    place = try access.find(path, from: start, isFolder: true, naming: name)
    guard place.status.kind == .directory else {
      throw SystemError(operation: "open", path: name, code: ENOTDIR)
    }
    try access.require(.search, of: place, naming: name)
  }

  /// Tells folders apart.
  public var identity: FileIdentity { FileIdentity(place.status) }

  /// Opens a regular file for reading.
  ///
  /// - name: a path that begins in this folder.
  public func file(_ name: String) throws(SystemError) -> OpenFile {
    guard let slash = name.lastIndex(of: "/") else {
      return try access.openEntry(name, in: place, naming: path(of: name))
    }
    return try subfolder(String(name[..<slash])).file(String(name[slash...].dropFirst()))
  }

  /// The folder of the file before this one is often that of this one, too.
  private func subfolder(_ name: String) throws(SystemError) -> GuardedFolder {
    if let folder = latest.withLock({ $0 }), folder.path == path(of: name) { return folder }
    let folder = try folder(name)
    latest.withLock { $0 = folder }
    return folder
  }

  /// Opens a folder.
  ///
  /// - name: a path that begins in this folder.
  public func folder(_ name: String) throws(SystemError) -> GuardedFolder {
    try GuardedFolder(name, from: place, naming: path(of: name), access)
  }

  /// Whether `name`, a path that begins in this folder, leads to a folder.
  public func isFolder(_ name: String) throws(SystemError) -> Bool {
    try access.find(name, from: place, naming: path(of: name)).status.kind == .directory
  }

  /// What is in the folder, in no order.
  ///
  /// - isFolder: nil where `isFolder(_:)` must be asked, as of symbolic links.
  public func entries() throws(SystemError) -> [(name: String, isFolder: Bool?)] {
    let file = try access.open(
      place, [.read, .search], O_RDONLY | O_DIRECTORY, naming: path)
    let descriptor = fcntl(file.descriptor, F_DUPFD_CLOEXEC, 0)
    guard let stream = unsafe fdopendir(descriptor) else {
      let failure = SystemError(operation: "list", path: path, code: errno)
      if descriptor >= 0 { close(descriptor) }
      throw failure
    }
    defer { unsafe closedir(stream) }
    var entries: [(name: String, isFolder: Bool?)] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else { break }
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        unsafe String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let name else {
        throw SystemError(
          operation: "list", path: path, code: EILSEQ, detail: "it has a name that is not UTF-8")
      }
      if name == "." || name == ".." { continue }
      let isFolder: Bool? =
        switch unsafe Int(entry.pointee.d_type) {
        case DT_REG: false
        case DT_DIR: true
        default: nil
        }
      entries.append((name, isFolder))
    }
    guard errno == 0 else { throw SystemError(operation: "list", path: path, code: errno) }
    return entries
  }

  private func path(of name: String) -> String { "\(path)/\(name)" }
}
