import CLinux
import Glibc

/// Names on disk: making, listing, moving and removing them.
///
/// Only the functions that say so sync. A change of names is durable once every directory that it
/// touched is synced.
public enum Directory {
  /// Makes `path` and the directories above it where missing, and syncs their parents.
  ///
  /// - mode: permission bits of new directories, before the umask.
  /// - synced: false leaves that to a `FileSystemSync`.
  public static func create(
    _ path: String, mode: UInt32 = 0o755, synced: Bool = true
  ) throws(SystemError) {
    if try exists(path) { return }
    let parent = splitPath(path).directory
    try create(parent, mode: mode, synced: synced)
    do {
      try Syscalls.call("make the directory", path) { unsafe mkdir(path, mode) }
    } catch  where error.isAlreadyThere {
    }
    if synced { try sync(parent) }
  }

  /// The names in `path`, sorted, without `.` and `..`.
  public static func names(in path: String) throws(SystemError) -> [String] {
    var names: [String] = []
    try forEachName(in: path) { name in names.append(unsafe String(cString: name)) }
    return names.sorted()
  }

  /// As `names(in:)`, of a directory that others write into: whatever has a name there that is no
  /// UTF-8, by which nobody could get at it here, is given another one. What begins with a dot is let
  /// be.
  public static func namesMadeReadable(in path: String) throws(SystemError) -> [String] {
    var names: [String] = []
    var unreadable: [[CChar]] = []
    try forEachName(in: path) { name in
      if let text = unsafe String(validatingCString: name) {
        names.append(text)
      } else if unsafe name[0] != CChar(UInt8(ascii: ".")) {
        unsafe unreadable.append(copy(name))
      }
    }
    for name in unreadable {
      var text = String(cString: name)
      while text.utf8.count > 200 { text.unicodeScalars.removeLast() }
      text += "-" + String(UInt64.random(in: .min ... .max), radix: 36)
      let (old, new) = (
        path.utf8CString.dropLast() + [CChar(UInt8(ascii: "/"))] + name, "\(path)/\(text)"
      )
      do {
        try Syscalls.call(FileCall(operation: "rename", path: path, target: new)) {
          unsafe renameat2(
            AT_FDCWD, Array(old), AT_FDCWD, new, UInt32(RENAME_WITHOUT_REPLACING))
        }
        names.append(text)
      } catch  where error.isNotFound {
      }
    }
    return names.sorted()
  }

  /// Returns when the names in `path` are on the disk as they are now.
  public static func sync(
    _ path: String, _ file: StaticString = #fileID, _ line: Int = #line
  ) throws(SystemError) {
    try OpenFile(path, flags: O_RDONLY | O_DIRECTORY).sync(file, line)
  }

  /// Whether anything is at `path`; a dangling symbolic link counts.
  ///
  /// Throws: `SystemError` where that cannot be found out; not knowing is not absence.
  public static func exists(_ path: String) throws(SystemError) -> Bool {
    do {
      _ = try FileStatus(ofLink: path)
      return true
    } catch {
      if error.isNotFound { return false }
      throw error
    }
  }

  /// Moves `old` to `new`, replacing what is there; both on one file system.
  public static func rename(_ old: String, to new: String) throws(SystemError) {
    try Syscalls.call(FileCall(operation: "rename", path: old, target: new)) {
      unsafe Glibc.rename(old, new)
    }
  }

  /// Moves `old` to `new`; fails with `EEXIST` where something is there.
  public static func renameWithoutReplacing(_ old: String, to new: String) throws(SystemError) {
    try Syscalls.call(FileCall(operation: "rename", path: old, target: new)) {
      unsafe renameat2(AT_FDCWD, old, AT_FDCWD, new, UInt32(RENAME_WITHOUT_REPLACING))
    }
  }

  /// Removes the name of a file; nothing being there is no error.
  public static func remove(_ path: String) throws(SystemError) {
    do {
      try Syscalls.call("remove", path) { unsafe unlink(path) }
    } catch  where error.isNotFound {
    }
  }

  /// Removes what killed processes left of unfinished `AtomicFile`s in `path`.
  ///
  /// Only for a directory in which nobody is writing one now.
  public static func removeTemporaries(in path: String) throws(SystemError) {
    for name in try names(in: path) where name.hasPrefix(".") && name.hasSuffix(temporarySuffix) {
      try remove(path + "/" + name)
    }
  }

  /// Sets the permission bits of `path`, whatever the umask.
  public static func setPermissions(_ mode: UInt32, of path: String) throws(SystemError) {
    try Syscalls.call("change the mode of", path) { unsafe chmod(path, mode) }
  }

  /// Whether the file system of `path` lets nothing be changed now.
  public static func isReadOnly(at path: String) throws(SystemError) -> Bool {
    var status = statvfs()
    try Syscalls.call("examine", path) { unsafe statvfs(path, &status) }
    return status.f_flag & UInt(ST_RDONLY) != 0
  }

  /// Bytes that the file system of `path` has left for us.
  public static func freeSpace(at path: String) throws(SystemError) -> Int {
    var status = statvfs()
    try Syscalls.call("examine", path) { unsafe statvfs(path, &status) }
    // Some file systems say that there is no end.
    let (bytes, isMore) = status.f_bavail.multipliedReportingOverflow(by: status.f_frsize)
    return isMore ? .max : Int(clamping: bytes)
  }

  /// Calls `body` with each name in `path`, in no order, without `.` and `..`.
  private static func forEachName(
    in path: String, _ body: (UnsafePointer<CChar>) -> Void
  ) throws(SystemError) {
    var opened: OpaquePointer?
    try Syscalls.call("list", path) {
      unsafe opened = opendir(path)
      return unsafe opened == nil ? -1 : 0
    }
    guard let stream = unsafe opened else { return }
    defer { unsafe closedir(stream) }
    try unsafe forEachName(of: stream, path, body)
  }

  /// The same of an open directory.
  static func forEachName(
    of stream: OpaquePointer, _ path: String, _ body: (UnsafePointer<CChar>) -> Void
  ) throws(SystemError) {
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else { break }
      unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { name in
          if unsafe strcmp(name, ".") != 0 && strcmp(name, "..") != 0 { unsafe body(name) }
        }
      }
    }
    if errno != 0 { throw SystemError(operation: "list", path: path, code: errno) }
  }

  /// `name` with the zero at its end.
  static func copy(_ name: UnsafePointer<CChar>) -> [CChar] {
    unsafe Array(UnsafeBufferPointer(start: name, count: strlen(name) + 1))
  }
}
