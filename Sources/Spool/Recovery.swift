public import DurableIO
import Jobs
import StrictJSON

/// Puts a spool in order when a daemon starts, whatever killed the one before.
///
/// Admissions are finished; running jobs whose worker is gone go back to the queue, or to their end
/// if it was reached; cancelled jobs that have no worker end, and those that are to be held are held.
/// Can itself be killed anywhere and run again. Only the daemon that holds the spool's lock may use
/// this.
public struct Recovery: Sendable {
  /// What admission had left to do. The jobs it reports are in the queue like all others.
  public private(set) var admissions: [Admission.Outcome] = []
  /// Jobs that ran and will be run again, with their new entry.
  public private(set) var requeued: [QueueEntry] = []
  /// Jobs whose results had been published.
  public private(set) var finished: [Int] = []
  /// Jobs that were cancelled before and have ended now.
  public private(set) var cancelled: [Int] = []
  /// Jobs that were to be held before and are held now.
  public private(set) var held: [Int] = []
  /// What could not be cleared away of jobs that are removed.
  public private(set) var troubles: [RemovalTrouble] = []
  /// Jobs that stay in `running` because their worker, started by the daemon before, is alive.
  public private(set) var stillRunning: [QueueEntry] = []

  /// Recovers the spool. Once it returns, the queue's entries are all there is to know.
  ///
  /// - step: called again and again meanwhile.
  ///
  /// Throws: `SystemError`; nothing is lost, and it can be tried again.
  public static func run(
    _ layout: SpoolLayout, _ admission: inout Admission, step: () -> Void = {}
  ) throws(SystemError) -> Recovery {
    var recovery = Recovery()
    let queue = JobQueue(layout)
    for directory in [layout.state, layout.rejected, layout.receipts, layout.keys]
      + JobState.allCases.map(layout.queue)
    {
      try Directory.removeTemporaries(in: directory)
    }
    try admission.makeDurable()
    try finishMoves(layout)
    try admission.forgetUnfinishedArrays()
    step()
    recovery.admissions = admission.finishClaims()
    step()
    recovery.troubles = try JobRemoval(layout).finishAll()
    let now = admission.now
    for entry in try queue.entries(in: .running) {
      step()
      try recovery.recover(entry, layout, queue, now)
    }
    for state in JobState.allCases where !state.isFinal && state != .running {
      for id in try queue.ids(in: state) {
        step()
        guard var entry = try queue.entry(id, in: state) else { continue }
        if entry.cancelRequested {
          entry.ended = now
          try queue.move(entry, from: state, to: .cancelled)
          recovery.cancelled.append(entry.id)
        } else if entry.holdRequested && state != .held {
          try queue.move(entry.id, from: state, to: .held)
          recovery.held.append(entry.id)
        }
      }
    }
    return recovery
  }

  private mutating func recover(
    _ entry: QueueEntry, _ layout: SpoolLayout, _ queue: JobQueue, _ now: Timestamp
  ) throws(SystemError) {
    var entry = entry
    let directory = layout.jobDirectory(entry.id)
    if try FileLock.isHeld(directory.lock) {
      stillRunning.append(entry)
      return
    }
    directory.removeTemporaries()
    try Self.endRun(&entry, directory)
    if try Directory.exists(directory.results) {
      // Results appear whole, so the job is done whether or not its worker lived to say so.
      entry.ended = now
      try queue.move(entry, from: .running, to: .done)
      finished.append(entry.id)
    } else if entry.cancelRequested {
      entry.ended = now
      try queue.move(entry, from: .running, to: .cancelled)
      cancelled.append(entry.id)
    } else {
      // If it is to be held, it is with the queued ones, below.
      try queue.move(entry, from: .running, to: .queued)
      requeued.append(entry)
    }
  }

  /// Adds the time that a worker has run, as far as it was heard of: its progress is written as it
  /// comes.
  private static func endRun(
    _ entry: inout QueueEntry, _ directory: JobDirectory
  ) throws(SystemError) {
    let content = try readFileIfPresent(directory.progress)
    let progress = content.flatMap { try? JSONValue(parsing: $0) }
    if let progress, progress["attempt"]?.int == entry.attempts {
      return entry.endRun(after: progress["seconds_run"]?.double ?? 0)
    }
    guard progress != nil, progress?["attempt"] == nil else { return entry.endRun(after: 0) }
    // The progress of a daemon that does not say whose it is.
    entry.endRun(at: Timestamp(try FileStatus(ofLink: directory.progress).modified))
  }
}
