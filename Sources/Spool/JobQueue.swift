public import DurableIO
import Glibc
public import Jobs
import StrictJSON

/// The queue on disk: a job's state is the directory that its entry is in.
///
/// A transition is one rename, so at every moment, also after a crash, a job is in exactly one
/// state. Nothing here costs more as the queue grows than the jobs asked about. Every function
/// that changes something is durable when it returns, and can simply be repeated when it threw.
public struct JobQueue: Sendable {
  private let layout: SpoolLayout

  /// The queue of a spool.
  public init(_ layout: SpoolLayout) { self.layout = layout }

  /// The entries in `state`, by rising number.
  public func entries(in state: JobState) throws(SystemError) -> [QueueEntry] {
    var entries: [QueueEntry] = []
    for id in try ids(in: state) {
      if let entry = try entry(id, in: state) { entries.append(entry) }
    }
    return entries
  }

  /// The numbers of the jobs in `state`, rising.
  public func ids(in state: JobState) throws(SystemError) -> [Int] {
    try Directory.names(in: layout.queue(state)).compactMap { Int($0) }.sorted()
  }

  /// The job's state; nil if it has no entry.
  public func state(of id: Int) throws(SystemError) -> JobState? {
    // A job that moves meanwhile may be missed in both its places; states form no long cycles
    // within the time of seven look-ups, so looking again settles it.
    for _ in 0..<3 {
      for state in JobState.allCases where try Directory.exists(layout.queueEntry(id, state)) {
        return state
      }
    }
    return nil
  }

  /// The job's entry, if it is in `state`.
  public func entry(_ id: Int, in state: JobState) throws(SystemError) -> QueueEntry? {
    try readFileIfPresent(layout.queueEntry(id, state), limit: 1 << 20)
      .map { QueueEntry(id: id, content: $0, in: state) }
  }

  /// The job's state and entry; nil if it has none.
  public func find(_ id: Int) throws(SystemError) -> (state: JobState, entry: QueueEntry)? {
    // Once more where it moved between the two questions.
    while let state = try state(of: id) {
      if let entry = try entry(id, in: state) { return (state, entry) }
    }
    return nil
  }

  /// Writes the entry of a job that is in no state yet, beside the job.
  func stage(_ entry: QueueEntry, synced: Bool) throws(SystemError) {
    try AtomicFile.write(content(of: entry), to: staged(entry.id), synced: synced)
  }

  /// The entry that a job will have, if it is staged.
  func stagedEntry(_ id: Int) throws(SystemError) -> QueueEntry? {
    try readFileIfPresent(staged(id)).map { QueueEntry(id: id, content: $0, in: .queued) }
  }

  /// Forgets the staged entry of a job.
  func unstage(_ id: Int) throws(SystemError) { try Directory.remove(staged(id)) }

  /// Enters a job whose entry is staged, durable once the state's directory is synced.
  func enter(_ id: Int, in state: JobState) throws(SystemError) {
    try Directory.renameWithoutReplacing(staged(id), to: layout.queueEntry(id, state))
  }

  /// A temporary's name: what is left of it is cleared away when the job is staged anew.
  private func staged(_ id: Int) -> String { layout.jobDirectory(id).path + "/.queue-entry.tmp" }

  /// Replaces the content of an entry that is in `state`.
  public func update(_ entry: QueueEntry, in state: JobState) throws(SystemError) {
    guard try Directory.exists(layout.queueEntry(entry.id, state)) else {
      throw notThere(entry.id, state)
    }
    try AtomicFile.write(content(of: entry), to: layout.queueEntry(entry.id, state))
  }

  /// Moves a job from one state to another, its entry unchanged; or makes sure that it is there,
  /// where an earlier attempt may have failed in the end.
  public func move(_ id: Int, from old: JobState, to new: JobState) throws(SystemError) {
    if old != new, try Directory.exists(layout.queueEntry(id, old)) {
      try Directory.renameWithoutReplacing(
        layout.queueEntry(id, old), to: layout.queueEntry(id, new))
    } else if try !Directory.exists(layout.queueEntry(id, new)) {
      throw notThere(id, old)
    }
    // The new name first: a power cut in between shows both, and not neither.
    try Directory.sync(layout.queue(new))
    if old != new { try Directory.sync(layout.queue(old)) }
  }

  /// Moves a job from one state to another with a new content of its entry.
  ///
  /// A crash in between leaves the new content in the old state, never the job in two.
  public func move(
    _ entry: QueueEntry, from old: JobState, to new: JobState
  ) throws(SystemError) {
    let isMoved = try !Directory.exists(layout.queueEntry(entry.id, old))
    let place = layout.queueEntry(entry.id, isMoved ? new : old)
    guard try Directory.exists(place) else { throw notThere(entry.id, old) }
    // Its name is synced with the move.
    let file = try AtomicFile(place, synced: false)
    try file.write(Array(content(of: entry).utf8))
    try file.sync()
    try file.publish()
    try move(entry.id, from: old, to: new)
  }

  private func content(of entry: QueueEntry) -> String { entry.json.serialized() + "\n" }

  private func notThere(_ id: Int, _ state: JobState) -> SystemError {
    SystemError(operation: "find", path: layout.queueEntry(id, state), code: ENOENT)
  }
}
