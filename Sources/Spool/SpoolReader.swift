public import DurableIO
public import Jobs
import StrictJSON

/// What anybody who may read the state can know of the spool, with or without a daemon.
///
/// Readers take no locks: each file is read whole, and a job that moves while it is looked at is
/// found in its old or its new state.
public struct SpoolReader: Sendable {
  /// A job as it is now.
  public struct Job: Sendable {
    /// Its number.
    public let id: Int
    /// Its state.
    public let state: JobState
    /// What the queue remembers of it: attempts, reason, a requested cancellation.
    public let entry: QueueEntry
    /// Who submitted what and when; nil if this version cannot read it.
    public let envelope: Envelope?
    /// That there is nothing to be read, its file or whole folder being missing, in a sentence.
    public let absence: String?
    /// What was changed of it since; nil if nothing was, or this version cannot read it.
    public let amendment: Amendment?
    /// How far the newest run is.
    public let progress: Progress?
  }

  private let layout: SpoolLayout
  private let queue: JobQueue

  /// A reader of a spool.
  public init(_ layout: SpoolLayout) {
    self.layout = layout
    queue = JobQueue(layout)
  }

  /// All jobs in one of `states`, by rising number.
  public func jobs(
    in states: Set<JobState> = Set(JobState.allCases)
  ) throws(SystemError) -> [Job] {
    try jobs(in: states) { $0 }
  }

  /// What `transform` makes of each of the jobs in one of `states`, by rising number; they are not all
  /// in memory.
  public func jobs<Result>(
    in states: Set<JobState>, _ transform: (Job) -> Result
  ) throws(SystemError) -> [Result] {
    var results: [Result] = []
    for (id, state) in try seen(in: states).sorted(by: { $0.key < $1.key }) {
      if let job = try job(id, lastSeenIn: state), states.contains(job.state) {
        results.append(transform(job))
      }
    }
    return results
  }

  /// What `transform` makes of jobs in one of `states`, by rising number: of all that are not over, and
  /// of the others of so many that ended last. A job of which it makes nothing is passed over.
  ///
  /// Of those that are over no more are read than it takes; `unread` says how many were not.
  public func jobs<Result>(
    in states: Set<JobState>, ended limit: Int, _ transform: (Job) -> Result?
  ) throws(SystemError) -> (jobs: [Result], unread: Int) {
    var results: [(id: Int, result: Result)] = []
    func take(_ id: Int, _ state: JobState) throws(SystemError) {
      guard let job = try job(id, lastSeenIn: state), states.contains(job.state),
        let result = transform(job)
      else { return }
      results.append((id, result))
    }
    let seen = try seen(in: states)
    for (id, state) in seen where !state.isFinal { try take(id, state) }
    let ended = try byEnd(seen.filter { $0.value.isFinal })
    let goal = results.count + limit
    var unread = ended.count
    for (id, state) in ended where results.count < goal {
      try take(id, state)
      unread -= 1
    }
    return (results.sorted { $0.id < $1.id }.map(\.result), unread)
  }

  /// The states in which jobs were seen, of those in one of `states`.
  private func seen(in states: Set<JobState>) throws(SystemError) -> [Int: JobState] {
    // A job that moves meanwhile may be missed in both its places. Looked at twice are the states from
    // which and to which jobs move by themselves; of one that has ended the end is seen between.
    let (over, others) = (
      JobState.allCases.filter(\.isFinal), JobState.allCases.filter { !$0.isFinal }
    )
    var seen: [Int: JobState] = [:]
    for state in others + over + others where states.contains(state) {
      for id in try queue.ids(in: state) { seen[id] = state }
    }
    return seen
  }

  /// Jobs that are over, the one that ended last first: by the last change of their entries, so that
  /// none is read.
  private func byEnd(
    _ jobs: [Int: JobState]
  ) throws(SystemError) -> [(id: Int, state: JobState)] {
    let ends = jobs.map { id, state in
      let time = try? FileStatus(ofLink: layout.queueEntry(id, state)).modified
      return (end: (time?.seconds ?? 0, time?.nanoseconds ?? 0, id), state: state)
    }
    return ends.sorted { $0.end > $1.end }.map { ($0.end.2, $0.state) }
  }

  /// How many jobs are in `state`.
  public func count(in state: JobState) throws(SystemError) -> Int {
    try queue.ids(in: state).count
  }

  /// The numbers of all jobs, rising.
  private func ids() throws(SystemError) -> [Int] {
    try Directory.names(in: layout.jobs).compactMap { Int($0) }.sorted()
  }

  /// The job numbered `id`; nil if there is none.
  public func job(_ id: Int) throws(SystemError) -> Job? {
    // Also where its folder is missing: it can still be cancelled.
    guard let (state, entry) = try queue.find(id) else { return nil }
    return try job(state, entry)
  }

  /// The job numbered `id`, which was in `state` a moment ago.
  private func job(_ id: Int, lastSeenIn state: JobState) throws(SystemError) -> Job? {
    guard let entry = try queue.entry(id, in: state) else { return try job(id) }
    return try job(state, entry)
  }

  private func job(_ state: JobState, _ entry: QueueEntry) throws(SystemError) -> Job? {
    let id = entry.id
    let directory = layout.jobDirectory(id)
    let file = try readFileIfPresent(directory.job)
    var absence: String?
    if file == nil {
      absence = try directory.absence(of: id, in: state)
      // It may be that the job is being removed now.
      if try queue.state(of: id) == nil { return nil }
    }
    return Job(
      id: id, state: state, entry: entry, envelope: file.flatMap { try? Envelope.parse($0) },
      absence: absence,
      amendment: try readFileIfPresent(directory.amendment).flatMap { try? Amendment(parsing: $0) },
      progress: try readFileIfPresent(directory.progress).flatMap {
        (try? JSONValue(parsing: $0)).flatMap { Progress(json: $0) }
      })
  }

  /// The jobs that `reference` means, by rising number: several may have one name.
  public func jobs(_ reference: JobReference) throws(SystemError) -> [Job] {
    switch reference {
    case .number(let id): try job(id).map { [$0] } ?? []
    case .name(let name): try jobs(called: name)
    }
  }

  private func jobs(called name: String) throws(SystemError) -> [Job] {
    var jobs: [Job] = []
    for id in try ids() where try layout.jobDirectory(id).isOfJob(called: name) {
      if let job = try job(id) { jobs.append(job) }
    }
    return jobs
  }

  /// What happened to a job, in order.
  public func events(of id: Int) throws(SystemError) -> [JobEvent] {
    try AppendLog.lines(of: layout.jobDirectory(id).events).compactMap { JobEvent(line: $0) }
  }

  /// How many files in `drop/` wait to be taken in; nil for those who may not look.
  ///
  /// Directories are none: they are refused, also those that stay there because only their owner could
  /// move them.
  public func waitingFiles() throws(SystemError) -> Int? {
    do {
      return try Directory.names(in: layout.drop).count { name in
        !SubmittedFile.isHidden(name)
          && (try? FileStatus(ofLink: layout.drop + "/" + name))?.kind != .directory
      }
    } catch  where error.isPermissionDenied {
      return nil
    }
  }

  /// A file that was refused.
  public struct RejectedFile: Sendable {
    /// What it is called.
    public let name: String
    /// When it was refused.
    public let time: Timestamp
    /// Why.
    public let reason: String
  }

  /// How many files were refused, but for commands whose givers were told at once; and the last of them.
  public func rejectedFiles() throws(SystemError) -> (count: Int, last: RejectedFile?) {
    var count = 0
    var last: (time: Timestamp, name: String)?
    for file in try Directory.names(in: layout.rejected) {
      guard file.hasSuffix(SpoolLayout.reasonSuffix) else { continue }
      let name = String(file.dropLast(SpoolLayout.reasonSuffix.count))
      if Submission.Token(fileName: name)?.isCommand == true { continue }
      count += 1
      guard let status = try? FileStatus(ofLink: layout.reason(ofRejected: name)) else { continue }
      let time = Timestamp(status.modified)
      if last.map({ $0.time <= time }) ?? true { last = (time, name) }
    }
    guard let (time, name) = last,
      let reason = try readFileIfPresent(layout.reason(ofRejected: name), limit: 1 << 20)
    else { return (count, nil) }
    let text = String(decoding: reason, as: UTF8.self)
    return (count, RejectedFile(name: name, time: time, reason: text))
  }

  /// The process id of the daemon that serves the spool now; nil if there is none.
  public func daemon() throws(SystemError) -> Int32? { try FileLock.holder(layout.lock) }

  /// What keeps the daemon from its work, such as a full disk, in a sentence; nil if nothing does
  /// or there is no daemon.
  public func daemonProblem() throws(SystemError) -> String? {
    guard try daemon() != nil else { return nil }
    for path in [layout.state, layout.spool] where try Directory.isReadOnly(at: path) {
      // The daemon cannot say so itself.
      return "the file system of \(path) is read-only"
    }
    guard let text = try readFileIfPresent(layout.problem) else { return nil }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").first.map(String.init)
  }

  /// What became of the daemon's configuration when it was read last; nil if no daemon has said it.
  public func reloadReport() throws(SystemError) -> ReloadReport? {
    try readFileIfPresent(layout.configuration).flatMap { ReloadReport($0) }
  }

  /// Whether the queue is paused: no job starts; by whom and since when, as far as that is known.
  public func pause() throws(SystemError) -> (isPaused: Bool, by: Pause?) {
    let content = try readFileIfPresent(layout.paused)
    return (content != nil, content.flatMap { Pause($0) })
  }
}
