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
    // One look at every state rather than one at each for every job.
    var seen: [Int: JobState] = [:]
    for state in JobState.allCases {
      for id in try queue.ids(in: state) { seen[id] = state }
    }
    var results: [Result] = []
    for id in try ids() {
      let state = seen[id]
      if let state, !states.contains(state) { continue }
      // It has moved since, if it is not there.
      let entry = try state.flatMap { state throws(SystemError) in try queue.entry(id, in: state) }
      if let state, let entry {
        results.append(transform(try job(state, entry)))
      } else if let job = try job(id), states.contains(job.state) {
        results.append(transform(job))
      }
    }
    return results
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
    guard let (state, entry) = try queue.find(id) else { return nil }
    return try job(state, entry)
  }

  private func job(_ state: JobState, _ entry: QueueEntry) throws(SystemError) -> Job {
    let id = entry.id
    let directory = layout.jobDirectory(id)
    return Job(
      id: id, state: state, entry: entry,
      envelope: try readFileIfPresent(directory.job).flatMap { try? Envelope.parse($0) },
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
  public func waitingFiles() throws(SystemError) -> Int? {
    do {
      return try Directory.names(in: layout.drop).count { !SubmittedFile.isHidden($0) }
    } catch  where error.isPermissionDenied {
      return nil
    }
  }

  /// How many files were refused, but for commands whose givers were told at once.
  public func rejectedFiles() throws(SystemError) -> Int {
    try Directory.names(in: layout.rejected).count { name in
      name.hasSuffix(SpoolLayout.reasonSuffix)
        && Submission.Token(fileName: String(name.dropLast(SpoolLayout.reasonSuffix.count)))?
          .isCommand != true
    }
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
