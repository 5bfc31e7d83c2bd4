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
  private(set) var jobs: [TrackedJob] = []
  /// Which submission got which number, for ever.
  private var owners: [Int: TrackedJob] = [:]
  /// The command about the queue that is under way, at most one.
  var queueCommand: (command: QueueCommand, file: HandedIn)?
  private(set) var isPaused = false
  var tally = Tally()

  struct Tally {
    var jobs: [Recipe.Work: Int] = [:]
    /// Of jobs that are removed by now.
    var ends: [JobState: Int] = [:]
    var verified = 0
    var repeated = 0
    var accepted = 0
    var refused = 0
  }

  init(_ layout: SpoolLayout, _ references: References) {
    self.layout = layout
    self.references = references
  }

  // MARK: What is asked for

  func submitted(_ job: TrackedJob, _ file: HandedIn) {
    if job.submissions.isEmpty {
      jobs.append(job)
      tally.jobs[job.recipe.work, default: 0] += 1
    } else {
      tally.repeated += 1
    }
    job.submissions.append(file)
  }

  /// Whether there are jobs that wait for `job`, or may come to read its results.
  func isNeeded(_ job: TrackedJob) -> Bool {
    jobs.contains { $0.maker === job && !($0.state == .done && $0.isOver) }
  }

  // MARK: Judgement

  /// Compares what is on disk with what must be.
  ///
  /// Throws: the first `Violation`.
  func judge() throws {
    let snapshot = try Snapshot(layout)
    try judgePlaces(snapshot)
    // Since the look before this one.
    let wasPaused = isPaused && queueCommand == nil
    try judgePause(snapshot)
    for (id, states) in snapshot.states.sorted(by: { $0.key < $1.key }) {
      try judge(id, states[0], wasPaused: wasPaused, snapshot)
    }
    for job in jobs where job.pending?.command == .remove { try judgeRemoval(job, snapshot) }
    for job in jobs { try judgeSubmissions(job, snapshot) }
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
    for job in jobs {
      guard let id = job.id, snapshot.states[id] == nil, job.pending?.command != .remove else {
        continue
      }
      throw Violation(job: id, found: "it is gone", expected: "the job: nobody removed it")
    }
  }

  private func judgePause(_ snapshot: Snapshot) throws {
    if let (command, file) = queueCommand {
      switch try answer(to: file, snapshot) {
      case .pending: return
      case .accepted: isPaused = command == .pause
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
    _ id: Int, _ state: JobState, wasPaused: Bool, _ snapshot: Snapshot
  ) throws {
    let job = try owner(of: id, layout.jobDirectory(id))
    let before = job.state
    let mayNotStart = wasPaused || job.mayNotStart
    try settleCommand(job, snapshot)
    job.state = state
    if mayNotStart, before != .running, before != .done, state == .running || state == .done {
      throw Violation(
        job: id, found: "it was started", expected: "it or the queue was stopped before")
    }
    if let before, before.isFinal, before != state, !job.isRevived {
      throw Violation(
        job: id, found: "it was \(before) and is \(state)",
        expected: "\(before), once and for all")
    }
    job.isRevived = job.pending?.command.revives == true
    if job.startsHeld && !job.wasCommanded && state != .held {
      throw Violation(job: id, found: "it is \(state)", expected: "held, as its file says")
    }
    if let maker = job.maker, state == .running, !maker.isOver, !job.wasRevived {
      throw Violation(
        job: id, found: "it runs before the end of job \(maker.id ?? 0)",
        expected: "it waits for that")
    }
    switch state {
    case .done: try judgeResults(job, id)
    case .cancelled: try judgeCancellation(job, id)
    case .failed where !(job.needsMakerDone && job.maker?.mayHaveFallen == true):
      throw Violation(job: id, found: "it has failed", expected: "nothing that could fail it")
    case .failed, .queued, .running, .deferred, .held: break
    }
  }

  /// The submission whose job has the number.
  private func owner(of id: Int, _ directory: JobDirectory) throws -> TrackedJob {
    let envelope: Envelope
    do {
      envelope = try Envelope.parse(try readFile(directory.job))
    } catch {
      throw Violation(job: id, found: "\(error)", expected: "a whole envelope")
    }
    let submitter = jobs.first { job in
      job.submissions.contains { $0.fileName == envelope.fileName }
    }
    guard let job = submitter, owners[id] == nil || owners[id] === job else {
      throw Violation(
        job: id, found: "it came as \(envelope.fileName)",
        expected: owners[id].map { "the job that came as \($0.names)" } ?? "a submission of ours")
    }
    if job.id == nil {
      job.id = id
      owners[id] = job
    }
    guard job.id == id else {
      throw Violation(
        job: id, found: "it came as \(job.names), as did job \(job.id ?? 0)",
        expected: "one job of that")
    }
    guard envelope.id == id, envelope.job == job.json,
      envelope.sha256 == SHA256.of(job.bytes).hex
    else {
      throw Violation(job: id, found: "another content", expected: "the file as submitted")
    }
    return job
  }

  // MARK: Answers

  /// Takes note of what became of the command that is under way.
  private func settleCommand(_ job: TrackedJob, _ snapshot: Snapshot) throws {
    guard let (command, file) = job.pending else { return }
    switch try answer(to: file, snapshot) {
    case .pending:
      if command.revives { job.isRevived = true }
      return
    case .accepted(let id):
      guard id == nil || id == job.id else {
        throw Violation(
          job: job.id, found: "a receipt for \(command) that says \(id ?? 0)",
          expected: "the job's number")
      }
      job.accept(command)
      job.isRevived = command.revives
      tally.accepted += 1
    case .refused(let reason):
      // Where the job's own end comes first a command may be refused; otherwise not.
      for nonsense in ["there is no job", "extend it to more"] where reason.contains(nonsense) {
        throw Violation(
          job: job.id, found: "\(command) was refused: \(reason)", expected: "it is accepted")
      }
      tally.refused += 1
    }
    job.pending = nil
  }

  private func judgeRemoval(_ job: TrackedJob, _ snapshot: Snapshot) throws {
    guard let (_, file) = job.pending, let id = job.id, snapshot.states[id] == nil,
      try answer(to: file, snapshot) != .pending, !snapshot.removing.contains(id)
    else { return }
    if let key = job.key,
      try Directory.names(in: layout.keys).contains(where: { $0.hasSuffix(":" + key) })
    {
      throw Violation(job: id, found: "it was removed, and not its key", expected: "neither")
    }
    if let state = job.state { tally.ends[state, default: 0] += 1 }
    jobs.removeAll { $0 === job }
  }

  /// No submission is lost, refused, or answered with another number.
  private func judgeSubmissions(_ job: TrackedJob, _ snapshot: Snapshot) throws {
    // A removal takes the receipts with it.
    if job.pending?.command == .remove { return }
    for file in job.submissions {
      switch try answer(to: file, snapshot) {
      case .pending: continue
      case .accepted(let id) where job.id != nil && (id == nil || id == job.id): continue
      case .accepted(let id):
        throw Violation(
          job: job.id, found: "\(file.fileName) was taken" + (id.map { " as job \($0)" } ?? ""),
          expected: job.id.map { "as job \($0)" } ?? "a job of it")
      case .refused(let reason):
        throw Violation(
          job: job.id, found: "\(file.fileName) was refused: \(reason)", expected: "a job of it")
      }
    }
  }

  private func answer(to file: HandedIn, _ snapshot: Snapshot) throws -> Answer {
    if snapshot.onTheirWay.contains(file.fileName) { return .pending }
    let reason = try readFileIfPresent("\(layout.rejected)/\(file.fileName).reason")
      .map { String(decoding: $0, as: UTF8.self).trimmingSuffix("\n") }
    var receipt: Int?
    if let token = file.token {
      let path = "\(layout.receipts)/\(token)"
      receipt = try readFileIfPresent(path).flatMap {
        Int(String(decoding: $0, as: UTF8.self).trimmingSuffix("\n"))
      }
      guard (receipt == nil) != (reason == nil) else {
        throw Violation(
          found: "\(file.fileName) has " + (receipt == nil ? "no answer" : "two answers"),
          expected: "a receipt or a refusal")
      }
    }
    return reason.map { .refused($0) } ?? .accepted(receipt)
  }
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}
