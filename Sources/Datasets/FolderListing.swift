/// Finding files in folders.

internal import DurableIO
internal import GuardedFiles

extension GuardedFolder {
  /// Paths, beginning in this folder, of all files in it and below it, in the order of their bytes;
  /// those that begin with a dot are left out. Symbolic links are followed; a folder that is reached
  /// twice is searched once.
  func filesBelow() throws(DatasetError) -> [String] {
    do {
      return try listFilesBelow()
    } catch {
      throw DatasetError(error)
    }
  }

  private func listFilesBelow() throws(SystemError) -> [String] {
    var files: [String] = []
    var pending: [String?] = [nil]
    var visited: Set<FileIdentity> = []
    while let path = pending.popLast() {
      let folder = if let path { try self.folder(path) } else { self }
      guard visited.insert(folder.identity).inserted else { continue }
      for entry in try folder.entries() where !entry.name.hasPrefix(".") {
        let file = path.map { "\($0)/\(entry.name)" } ?? entry.name
        let isFolder = if let known = entry.isFolder { known } else { try self.isFolder(file) }
        if isFolder { pending.append(file) } else { files.append(file) }
      }
    }
    return files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
