import Glibc

extension Directory {
  /// Removes `path` and all below it; nothing being there is no error.
  ///
  /// Others may write to what is below: links are not followed, also those that are put into the way
  /// meanwhile, as everything is met by its name in an open directory and not by its path; names
  /// need not be UTF-8; and what is deeper than `deepest` stays.
  public static func removeTree(_ path: String) throws(SystemError) {
    try removeTree(Array(path.utf8CString), in: nil, path, depth: 0)
  }

  /// Every folder on the way down takes a descriptor and a part of the stack.
  private static let deepest = 200

  /// - name: in `folder`, or from the working directory if nil.
  /// - path: what it is called in errors.
  private static func removeTree(
    _ name: [CChar], in folder: OpenFile?, _ path: String, depth: Int
  ) throws(SystemError) {
    func unlink(_ flags: Int32) throws(SystemError) {
      try Syscalls.call("remove", path) {
        unsafe unlinkat(folder?.descriptor ?? AT_FDCWD, name, flags)
      }
    }
    do throws(SystemError) {
      do {
        return try unlink(0)
      } catch  where error.code == EISDIR {
      }
      guard depth < deepest else {
        throw SystemError(
          operation: "remove", path: path, code: ENAMETOOLONG,
          detail: "it is more than \(deepest) folders deep; remove it by hand")
      }
      let directory = try OpenFile(
        name, in: folder, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW, path: path)
      for entry in try names(of: directory) {
        try removeTree(
          entry, in: directory, path + "/" + String(cString: entry), depth: depth + 1)
      }
      try unlink(AT_REMOVEDIR)
    } catch  where error.isNotFound {
    }
  }

  /// What is in an open directory, each name with the zero at its end.
  private static func names(of directory: OpenFile) throws(SystemError) -> [[CChar]] {
    let descriptor = fcntl(directory.descriptor, F_DUPFD_CLOEXEC, 0)
    guard let stream = unsafe fdopendir(descriptor) else {
      let failure = SystemError(operation: "list", path: directory.path, code: errno)
      if descriptor >= 0 { close(descriptor) }
      throw failure
    }
    defer { unsafe closedir(stream) }
    var names: [[CChar]] = []
    try unsafe forEachName(of: stream, directory.path) { unsafe names.append(copy($0)) }
    return names
  }
}
