/// Finding files in folders.

internal import Glibc

enum FolderListing {
  /// The names in a folder, in no order; nil if `path` is not a folder.
  static func names(in path: String) throws(DatasetError) -> [String]? {
    guard let folder = unsafe opendir(path) else {
      if errno == ENOTDIR { return nil }
      throw failure(path)
    }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    errno = 0
    while let entry = unsafe readdir(folder) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        unsafe String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let name else {
        throw DatasetError(path: path, problem: "the folder has a name that is not UTF-8")
      }
      if name != "." && name != ".." { names.append(name) }
      errno = 0
    }
    guard errno == 0 else { throw failure(path) }
    return names
  }

  /// All files below a folder in the order of their paths' bytes, those that begin with a dot left
  /// out. Symbolic links are followed; a folder that is reached twice is searched once.
  static func files(below root: String) throws(DatasetError) -> [String] {
    var files: [String] = []
    var pending = [root]
    var visited: Set<[UInt64]> = []
    while let folder = pending.popLast() {
      var status = stat()
      guard unsafe stat(folder, &status) == 0 else { throw failure(folder) }
      guard visited.insert([UInt64(status.st_dev), UInt64(status.st_ino)]).inserted else {
        continue
      }
      guard let names = try names(in: folder) else {
        throw DatasetError(path: folder, problem: "it is a file; a folder of images is wanted")
      }
      for name in names where !name.hasPrefix(".") {
        let path = "\(folder)/\(name)"
        guard unsafe stat(path, &status) == 0 else { throw failure(path) }
        if status.st_mode & S_IFMT == S_IFDIR { pending.append(path) } else { files.append(path) }
      }
    }
    return files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private static func failure(_ path: String) -> DatasetError {
    let code = errno
    return DatasetError(
      path: path, problem: "cannot be read: \(unsafe String(cString: strerror(code)))",
      isTransient: [EIO, EMFILE, ENFILE, ENOMEM, ESTALE].contains(code))
  }
}
