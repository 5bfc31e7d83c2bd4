import DurableIO
import Jobs

extension Recovery {
  /// Ends moves from one directory to another that a power cut has left half done: a file that has
  /// both its names loses the old one.
  ///
  /// Nobody was told yet where the file is; of two states in the queue either will do.
  static func finishMoves(_ layout: SpoolLayout) throws(SystemError) {
    var left: Set<String> = []
    for file in try Directory.names(in: layout.claim) {
      let claim = layout.claim + "/" + file
      let name = ClaimName(file).name
      if try areOne(claim, layout.drop + "/" + name) {
        try Directory.remove(layout.drop + "/" + name)
        left.insert(layout.drop)
      } else if try areOne(claim, layout.rejected + "/" + Admission.nameInRejected(name)) {
        try Directory.remove(claim)
        left.insert(layout.claim)
      }
    }
    var places: [Int: String] = [:]
    for directory in JobState.allCases.map(layout.queue) + [layout.removing] {
      for id in try Directory.names(in: directory).compactMap({ Int($0) }) {
        guard let other = places.updateValue(directory, forKey: id) else { continue }
        try Directory.remove("\(other)/\(id)")
        left.insert(other)
      }
    }
    for directory in left { try Directory.sync(directory) }
  }

  /// Whether two names are those of one file.
  private static func areOne(_ path: String, _ other: String) throws(SystemError) -> Bool {
    guard try Directory.exists(other) else { return false }
    let (first, second) = (try FileStatus(ofLink: path), try FileStatus(ofLink: other))
    return first.device == second.device && first.inode == second.inode
  }
}
