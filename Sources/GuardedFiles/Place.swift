import CLinux
import DurableIO
import Glibc

/// Something in the file system, held by a descriptor: it stays what it is, whatever is moved to its
/// name meanwhile. The descriptor opens nothing; `open` does.
final class Place: Sendable {
  let file: OpenFile
  let status: FileStatus
  /// The folder that it was found in; nil for where a path begins.
  let parent: Place?
  /// How many folders it holds on the way to it.
  let depth: Int

  /// What `name` stands for, seen from `folder`.
  ///
  /// - flags: with `O_NOFOLLOW` a symbolic link stands for itself.
  init(_ name: String, in folder: Place?, flags: Int32 = 0) throws(SystemError) {
    parent = folder
    depth = folder.map { $0.depth + 1 } ?? 0
    let path = folder.map { ($0.path == "/" ? "" : $0.path) + "/" + name } ?? name
    file = try OpenFile(name, in: folder?.file, flags: Int32(OPEN_PLACE) | flags, path: path)
    status = try file.status()
  }

  /// Where it was found; on a walk that follows links itself, a path without any.
  var path: String { file.path }

  /// Opens just this file or folder.
  ///
  /// - path: what it is called in errors.
  func open(_ flags: Int32, path: String) throws(SystemError) -> OpenFile {
    try OpenFile(descriptorPath, in: nil, flags: flags, path: path)
  }

  /// What the symbolic link says; nil if that is no text.
  func target() throws(SystemError) -> String? {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlinkat(file.descriptor, "", &buffer, buffer.count)
    guard count >= 0 else { throw SystemError(operation: "open", path: path, code: errno) }
    return String(validating: buffer.prefix(count), as: UTF8.self)
  }

  /// The access control list; nil if it has none.
  func accessControlList() throws(SystemError) -> AccessControlList? {
    try AccessControlList(of: path) { unsafe getxattr(descriptorPath, $0, $1, $2) }
  }

  /// A name by which the kernel finds what the descriptor holds, and nothing else.
  private var descriptorPath: String { "/proc/self/fd/\(file.descriptor)" }
}
