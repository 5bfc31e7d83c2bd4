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
    var opened: OpaquePointer?
    try Syscalls.call("list", path) {
      unsafe opened = opendir(path)
      return unsafe opened == nil ? -1 : 0
    }
    guard let stream = unsafe opened else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else { break }
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    if errno != 0 { throw SystemError(operation: "list", path: path, code: errno) }
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

  /// Removes `path` and all below it; nothing being there is no error. Links are not followed.
  public static func removeTree(_ path: String) throws(SystemError) {
    do {
      if try FileStatus(ofLink: path).kind != .directory { return try remove(path) }
      for name in try names(in: path) { try removeTree(path + "/" + name) }
      try Syscalls.call("remove", path) { unsafe rmdir(path) }
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
    return Int(status.f_bavail) * Int(status.f_frsize)
  }
}
