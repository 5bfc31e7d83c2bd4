import DurableIO
import Jobs

/// Directories in `drop/` that cannot be moved out of it: who is not root moves only those of his
/// own. Each is refused where it lies, once, and left alone from then on.
struct ForeignDirectories {
  /// By their names, so that another one of the same name is told apart.
  private var known: [String: FileStatus] = [:]

  /// Whether what is in `drop` as `name` has been refused and is still there.
  mutating func contains(_ name: String, in drop: String) -> Bool {
    guard let old = known[name] else { return false }
    let now = try? FileStatus(ofLink: drop + "/" + name)
    if let now, now.inode == old.inode, now.kind == .directory { return true }
    known[name] = nil
    return false
  }

  /// Forgets those that are not among `names`, which is what is in `drop`.
  mutating func keep(_ names: [String]) {
    if known.isEmpty { return }
    let names = Set(names)
    known = known.filter { names.contains($0.key) }
  }

  /// Takes note of `name` in `drop`, which could not be moved because of `error`; false if it is no
  /// such directory.
  mutating func insert(_ name: String, in drop: String, _ error: SystemError) -> Bool {
    guard error.isPermissionDenied, let status = try? FileStatus(ofLink: drop + "/" + name),
      status.kind == .directory
    else { return false }
    known[name] = status
    return true
  }
}

extension Admission {
  /// What becomes of a file in `drop/` that could not be taken: mostly the machine is at fault.
  mutating func cannotTake(_ name: String, _ error: SystemError) -> Outcome {
    let blocked = Outcome.blocked(name: name, reason: error.description)
    guard foreignDirectories.insert(name, in: layout.drop, error) else { return blocked }
    let reason =
      SubmittedFile.directoryReason + ". Only its owner can take it away: rm -r "
      + (layout.drop + "/" + name).printable
    do {
      try write(reason, whyRejected: name, synced: true)
      return .rejected(
        name: name, reason: reason,
        owner: try? FileStatus(ofLink: layout.drop + "/" + name).owner)
    } catch {
      return blocked
    }
  }
}
