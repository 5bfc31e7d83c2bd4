import DurableIO
import Jobs
import Spool
import StrictJSON

/// Knows what was asked of the daemons, and so what must be on disk; finds what is not.
///
/// Judges when no daemon is alive: then the queue stands still, and what a daemon was about to do
/// has been done or has not.
final class Oracle {
  let layout: SpoolLayout
  let references: References
  /// By their submission.
  var jobs: [TrackedJob] = []
  /// Which submission got which number, for ever.
  private var owners: [Int: TrackedJob] = [:]
  /// The command about the queue that is under way, at most one.
  var queueCommand: (command: QueueCommand, file: HandedIn)?
  private(set) var isPaused = false
  /// What daemons have removed ended jobs by since the last look; the last one holds.
  var retentions = [JobRemoval.Retention()]
  /// The last daemon may have had no more jobs running at the same time.
  var mostRunning = Int.max
  /// The jobs that ran at the last look.
  private(set) var running = 0
  /// When the last look was, by the clock that daemons note ends by.
  private(set) var lastLook = Timestamp.now()
  private var lastInstant = ContinuousClock.now
  var tally = Tally()

  struct Tally {
    var jobs: [Recipe.Work: Int] = [:]
    var arrays = 0
    /// Of jobs that are removed by now.
    var ends: [JobState: Int] = [:]
    var timedOut = 0
    var purged = 0
    var verified = 0
    var repeated = 0
    var accepted: [String: Int] = [:]
    var reloads = 0
    var refused = 0
  }

  init(_ layout: SpoolLayout, _ references: References) {
    self.layout = layout
    self.references = references
  }

  // MARK: What is asked for

  func submitted(_ new: [TrackedJob], _ file: HandedIn) {
    for job in new {
      jobs.append(job)
      tally.jobs[job.recipe.work, default: 0] += 1
    }
    if new.count > 1 { tally.arrays += 1 }
    new.first?.file.take(file)
  }

  func submittedAgain(_ jobFile: JobFile, _ file: HandedIn) {
    tally.repeated += 1
    jobFile.take(file)
  }

  /// Whether there are jobs that wait for `job`, or may come to read its results.
  func isNeeded(_ job: TrackedJob) -> Bool {
    jobs.contains { $0.file.maker === job && !($0.state == .done && $0.isOver) }
  }

  // MARK: Judgement

  /// Compares what is on disk with what must be.
  ///
  /// Throws: the first `Violation`.
  func judge() throws {
    let snapshot = try Snapshot(layout)
    let elapsed = ContinuousClock.now - lastInstant
    try judgePlaces(snapshot)
    try judgeGone(snapshot)
    // Since the look before this one.
    let wasPaused = isPaused && queueCommand == nil
    try judgePause(snapshot)
    for (id, states) in snapshot.states.sorted(by: { $0.key < $1.key }) {
      try judge(id, states[0], wasPaused: wasPaused, elapsed, snapshot)
    }
    try forgetRemoved(snapshot)
    try judgeFiles(snapshot)
    retentions = retentions.suffix(1)
    lastLook = .now()
    lastInstant = .now
  }

  /// Every number is in one place, and everything in it belongs to it.
  private func judgePlaces(_ snapshot: Snapshot) throws {
    for (id, states) in snapshot.states {
      if states.count > 1 || snapshot.removing.contains(id) {
        let places = states.map(\.rawValue) + (snapshot.removing.contains(id) ? ["removing"] : [])
        throw Violation(
          job: id, found: "it is in " + places.joined(separator: " and "), expected: "one place")
      }
      guard snapshot.folders.contains(id) else {
        throw Violation(job: id, found: "an entry without a folder", expected: "a folder")
      }
    }
    for id in snapshot.folders
    where snapshot.states[id] == nil && !snapshot.removing.contains(id)
      && !snapshot.claimed.contains(id)
    {
      throw Violation(
        job: id, found: "a folder without an entry",
        expected: "an entry, or a claim or a removal to finish")
    }
    running = snapshot.states.count { $0.value == [.running] }
    guard running <= mostRunning else {
      throw Violation(
        found: "\(running) jobs run at the same time", expected: "\(mostRunning) at most")
    }
  }

  private func judgePause(_ snapshot: Snapshot) throws {
    if let (command, file) = queueCommand {
      switch try answer(to: file, snapshot) {
      case .pending: return
      case .accepted: isPaused = command == .pause
      case .refused where file.wasSlow: break
      case .refused(let reason):
        throw Violation(found: "\(command) was refused: \(reason)", expected: "it is accepted")
      }
      queueCommand = nil
    }
    guard try Directory.exists(layout.paused) == isPaused else {
      throw Violation(
        found: "\(layout.paused) is \(isPaused ? "missing" : "there")",
        expected: isPaused ? "the queue is paused" : "it is not")
    }
  }

  private func judge(
    _ id: Int, _ state: JobState, wasPaused: Bool, _ elapsed: Duration, _ snapshot: Snapshot
  ) throws {
    guard let now = try SpoolReader(layout).job(id), let envelope = now.envelope else {
      throw Violation(job: id, found: "a damaged envelope", expected: "a whole one")
    }
    let job = try owner(of: envelope)
    let (before, last) = (job.state, job.entry ?? QueueEntry(id: id))
    let limits = [job.queue.timeLimit]
    let mayNotStart = wasPaused || job.mayNotStart
    try settleCommand(job, snapshot)
    try judgeWishes(job, now, envelope)
    (job.state, job.entry) = (state, now.entry)
    let isStarted = now.entry.attempts > last.attempts
    let hasRun = before != .running && before != .done && (state == .running || state == .done)
    if mayNotStart && (isStarted || hasRun) {
      throw Violation(
        job: id, found: "it was started",
        expected: "it or the queue was stopped before, or its time was up")
    }
    if isStarted && last.attempts == 0 && !job.file.mayRun {
      throw Violation(
        job: id, found: "it has run before the end of job \(job.file.maker?.id ?? 0)",
        expected: "it waits for that")
    }
    if let before, before.isFinal, before != state, !job.isRevived {
      throw Violation(
        job: id, found: "it was \(before) and is \(state)",
        expected: "\(before), once and for all")
    }
    job.isRevived = job.pending?.command.revives == true
    if job.isHeldFromTheStart && state != .held {
      throw Violation(job: id, found: "it is \(state)", expected: "held, as its file says")
    }
    if isStarted || before == .running { job.mostRun += elapsed }
    if state.isFinal { job.ends.insert(state) }
    switch state {
    case .done: try judgeResults(job, id)
    case .cancelled: try judgeCancellation(job, id)
    case .failed where before == .failed && now.entry.ended == last.ended: break
    case .failed where now.entry.timedOut:
      try judgeTimeLimit(job, now.entry, (limits + [job.queue.timeLimit]).compactMap { $0 }.min())
    case .failed where !job.file.mayFall:
      throw Violation(job: id, found: "it has failed", expected: "nothing that could fail it")
    case .failed, .queued, .running, .deferred, .held: break
    }
  }

  /// The job that has the number.
  private func owner(of envelope: Envelope) throws -> TrackedJob {
    let id = envelope.id
    let place = (envelope.array?.place ?? 1) - 1
    let submitter = jobs.first { job in
      job.place == place && job.file.submissions.contains { $0.fileName == envelope.fileName }
    }
    guard let job = submitter, owners[id] == nil || owners[id] === job else {
      throw Violation(
        job: id, found: "it came as \(envelope.fileName)",
        expected: owners[id].map { "the job that came as \($0.file.names)" }
          ?? "a submission of ours")
    }
    if job.id == nil {
      job.id = id
      owners[id] = job
    }
    guard job.id == id else {
      throw Violation(
        job: id, found: "it came as \(job.file.names), as did job \(job.id ?? 0)",
        expected: "one job of that")
    }
    return job
  }

  /// What is on disk of a job is what was asked for, and nothing of what was not.
  private func judgeWishes(
    _ job: TrackedJob, _ now: SpoolReader.Job, _ envelope: Envelope
  ) throws {
    var contents = [job.content]
    var steps = [job.isExtended ? job.recipe.extendedSteps : nil]
    var priorities = [job.queue.priority]
    switch job.pending?.command {
    case .edit(let new):
      contents += job.pending.map { [$0.file.content(new)] } ?? []
      priorities.append(new.spec.queue.priority)
    case .extend(let new): steps.append(new)
    case .prioritize(let priority): priorities.append(priority)
    default: break
    }
    let found = TrackedJob.Content(json: envelope.job, sha256: envelope.sha256)
    guard contents.contains(found), envelope.array?.count ?? 1 == job.file.count else {
      throw Violation(
        job: now.id, found: "another content", expected: "the file as submitted, or edited")
    }
    guard steps.contains(now.amendment?.steps) else {
      throw Violation(
        job: now.id, found: "an amendment to \(now.amendment?.steps ?? 0) steps",
        expected: job.isExtended ? "an extension" : "none")
    }
    guard priorities.contains(now.entry.priority) else {
      throw Violation(
        job: now.id, found: "priority \(now.entry.priority)",
        expected: "priority \(job.queue.priority)")
    }
  }
}
