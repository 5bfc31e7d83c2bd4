public import DurableIO
public import Jobs
import StrictJSON

/// Removes jobs that have ended, with all their files.
///
/// The entry leaves the queue by one rename to `removing/`. From then on nobody sees the job, and
/// what is left of it is cleared away by this daemon or the next; its number is not given again.
/// Only the daemon that holds the spool's lock may use this.
public struct JobRemoval: Sendable {
  /// Which ended jobs are removed without anybody's asking.
  public struct Retention: Equatable, Sendable {
    /// Jobs that ended longer ago; nil keeps them.
    public var age: Duration?
    /// All but so many, those of the lowest numbers first; nil keeps them.
    public var count: Int?

    /// Keeps everything.
    public init() {}

    /// Whether nothing is ever removed.
    var keepsAll: Bool { age == nil && count == nil }
  }

  private let layout: SpoolLayout
  private let queue: JobQueue

  /// Removes from a spool.
  public init(_ layout: SpoolLayout) {
    self.layout = layout
    queue = JobQueue(layout)
  }

  /// Takes a job that has ended out of the queue, durably.
  func begin(_ id: Int, in state: JobState) throws(SystemError) {
    precondition(state.isFinal, "a job is removed after its end")
    try Directory.renameWithoutReplacing(layout.queueEntry(id, state), to: entry(id))
    try Directory.sync(layout.removing)
    try Directory.sync(layout.queue(state))
  }

  /// Whether the job is out of the queue and not cleared away yet.
  func isUnderWay(_ id: Int) throws(SystemError) -> Bool { try Directory.exists(entry(id)) }

  /// Clears away what is left of a job that is out of the queue.
  public func finish(_ id: Int) throws(SystemError) {
    let directory = layout.jobDirectory(id)
    // What names the job elsewhere goes first: afterwards nobody knows it any more.
    if let bytes = try readFileIfPresent(directory.job), let envelope = try? Envelope.parse(bytes) {
      if let key = envelope.spec.queue.idempotencyKey {
        try IdempotencyKeys(layout).free(key, envelope.submitter, from: id)
      }
      if let token = Submission.Token(fileName: envelope.fileName) {
        try Directory.remove(token.receipt(in: layout))
      }
    }
    try Directory.removeTree(directory.path)
    try Directory.sync(layout.jobs)
    try Directory.remove(entry(id))
  }

  /// Clears away what is left of all such jobs, by a daemon that died or because of some trouble.
  ///
  /// Returns: what stays, and why.
  public func finishAll() throws(SystemError) -> [RemovalTrouble] {
    var troubles: [RemovalTrouble] = []
    for id in try Directory.names(in: layout.removing).compactMap({ Int($0) }).sorted() {
      do {
        try finish(id)
      } catch {
        troubles.append(RemovalTrouble(job: id, error))
      }
    }
    return troubles
  }

  /// Removes the jobs that `retention` does not keep, at most `limit` in one go.
  ///
  /// - needed: Jobs that are kept, whatever else: those that others wait for or read.
  /// - names: The train jobs that are done and have one of these names are needed too.
  ///
  /// Returns: the jobs that are out of the queue now, as many as `limit` if there may be more; and
  /// what stays of one or another, and why.
  public func purge(
    _ retention: Retention, sparing needed: Set<Int>, names: Set<String>, atMost limit: Int,
    now: Timestamp
  ) throws(SystemError) -> (removed: [Int], troubles: [RemovalTrouble]) {
    if retention.keepsAll { return ([], []) }
    var ended: [(id: Int, state: JobState)] = []
    for state in JobState.allCases where state.isFinal {
      ended += try queue.ids(in: state).map { ($0, state) }
    }
    ended.sort { $0.id < $1.id }
    let surplus = retention.count.map { max(ended.count - $0, 0) } ?? 0
    var removed: [Int] = []
    var troubles: [RemovalTrouble] = []
    for (index, job) in ended.enumerated() where !needed.contains(job.id) {
      guard removed.count < limit else { break }
      do {
        var isDue = index < surplus
        if !isDue, let age = retention.age { isDue = try isOlder(job.id, job.state, age, now) }
        guard isDue, try !isNeeded(job.id, job.state, names) else { continue }
      } catch {
        troubles.append(RemovalTrouble(job: job.id, error))
        continue
      }
      // Where one cannot leave the queue, none can.
      try begin(job.id, in: job.state)
      removed.append(job.id)
      do {
        try finish(job.id)
      } catch {
        troubles.append(RemovalTrouble(job: job.id, error))
      }
    }
    return (removed, troubles)
  }

  private func isOlder(
    _ id: Int, _ state: JobState, _ age: Duration, _ now: Timestamp
  ) throws(SystemError) -> Bool {
    guard let ended = try queue.entry(id, in: state)?.ended else {
      // The entry of a daemon that noted no time: its last change is the move to its state.
      let changed = try FileStatus(ofLink: layout.queueEntry(id, state)).changed
      return now.milliseconds - Int64(changed.seconds) * 1000 > age.milliseconds
    }
    return now.milliseconds - ended.milliseconds > age.milliseconds
  }

  private func isNeeded(
    _ id: Int, _ state: JobState, _ names: Set<String>
  ) throws(SystemError) -> Bool {
    guard state == .done, !names.isEmpty,
      let bytes = try readFileIfPresent(layout.jobDirectory(id).job),
      let spec = (try? Envelope.parse(bytes))?.spec
    else { return false }
    return spec.kind == "train" && names.contains(spec.name)
  }

  private func entry(_ id: Int) -> String { "\(layout.removing)/\(id)" }
}
