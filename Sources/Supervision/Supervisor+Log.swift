// What the supervisor logs, with the fields that the journal finds it by:
// `journalctl -u ddpmd JOB_ID=17` shows a job's life.
//
// Levels: error is what keeps the daemon from its work; warning what went wrong with a job, a file or
// a worker; notice what concerns the daemon as a whole; info the life of jobs; debug what is no news.

import DurableIO
import Jobs
import Logging
import Spool

extension Supervisor {
  /// Logs a message.
  ///
  /// - job: the job it is about.
  /// - envelope: what its file says, where that is at hand.
  /// - user: whose file it is about that is no job's.
  /// - attempt, state: the run it is about, and the state that the job is in now.
  func say(
    _ level: Logger.Level, _ text: String, _ message: JournalMessage? = nil, job: Int? = nil,
    envelope: Envelope? = nil, user: UInt32? = nil, attempt: Int? = nil, state: JobState? = nil
  ) {
    var fields: Logger.Metadata = [:]
    if let message { fields["MESSAGE_ID"] = "\(message.rawValue)" }
    if let job {
      fields["JOB_ID"] = "\(job)"
      if let summary = summary(of: job, envelope) {
        fields["JOB_KIND"] = "\(summary.kind)"
        fields["JOB_NAME"] = "\(summary.name)"
        fields["JOB_USER"] = summary.user.map(Self.account)
      }
    }
    if let user { fields["JOB_USER"] = Self.account(user) }
    if let attempt { fields["ATTEMPT"] = "\(attempt)" }
    if let state { fields["STATE"] = "\(state)" }
    setup.log.log(level: level, "\(text)", metadata: fields)
  }

  private static func account(_ user: UInt32) -> Logger.MetadataValue {
    "\(accountName(user) ?? "\(user)")"
  }

  /// What is known of the job, whose name may be that of no job that has not ended.
  private func summary(
    of id: Int, _ envelope: Envelope?
  ) -> (kind: String, name: String, user: UInt32?)? {
    if envelope == nil, let summary = scheduler.jobs[id]?.summary {
      return (summary.kind, summary.name, summary.submitter)
    }
    let envelope =
      envelope
      ?? (try? readFile(setup.layout.jobDirectory(id).job)).flatMap { try? Envelope.parse($0) }
    return envelope.map { ($0.spec.kind, $0.spec.name, $0.submitter) }
  }

  /// Logs what has become of a job.
  func say(_ event: JobEvent.Kind, of id: Int, _ reason: String?, attempt: Int, state: JobState) {
    let level: Logger.Level
    let message: JournalMessage?
    switch event {
    case .crashed: (level, message) = (.warning, .crashed)
    case .deferred: (level, message) = (.warning, .deferred)
    case .failed: (level, message) = (.warning, .failed)
    case .timedOut: (level, message) = (.warning, .timedOut)
    case .stopped: (level, message) = (.info, .stopped)
    case .held: (level, message) = (.info, .held)
    case .finished: (level, message) = (.info, .finished)
    case .cancelled: (level, message) = (.info, .cancelled)
    case .admitted, .started, .released, .retried, .extended, .edited, .cancelling:
      (level, message) = (.info, nil)
    }
    say(
      level, "job \(id) \(event.rawValue)\(reason.map { ": " + $0 } ?? "")", message, job: id,
      attempt: attempt, state: state)
  }

  /// Logs what stands in the way of something that is tried again and again, the first time.
  func logOnce(_ trouble: String, about subject: String, job: Int? = nil) {
    if troubled.insert(subject).inserted {
      say(.error, "\(trouble); trying again", .trouble, job: job)
    }
  }

  /// Logs and counts what became of a file in `drop/`.
  func log(_ outcome: Admission.Outcome) {
    switch outcome {
    case .admitted(let envelope, let entry, in: let state):
      export.metrics.admissions += 1
      say(
        .info, "\(summary(entry, envelope).title) admitted from \(userName(envelope.submitter))",
        .admitted, job: entry.id, envelope: envelope, state: state)
    case .commanded(.job(let id, let command), let user):
      say(.info, "job \(id): \(command) by \(userName(user))", .commanded, job: id)
    case .commanded(.queue(let command), let user):
      say(.notice, "\(command) of the queue by \(userName(user))", .queueCommanded)
    case .repeated(let name, let job):
      say(.info, "\(name.printable) is job \(job), by its idempotency key", job: job)
    case .revived(let entry, _, let command, let user):
      say(
        .info, "job \(entry.id): \(command) by \(userName(user))", .commanded, job: entry.id,
        state: .queued)
    case .edited(let envelope, let entry, in: let state, by: let user):
      say(
        .info, "\(summary(entry, envelope).title): edit by \(userName(user))", .commanded,
        job: entry.id,
        envelope: envelope, state: state)
    case .rejected(let name, let reason, let owner):
      export.metrics.rejections += 1
      let user = owner.map { " from \(userName($0))" } ?? ""
      say(
        .warning, "rejected \(name.printable)\(user): \(reason.inOneLine)", .rejected, user: owner)
    case .waiting(let name, let reason, _):
      say(.debug, "\(name.printable) may be unfinished: \(reason.printable)")
    case .blocked(let name, let reason):
      guard blocked.insert(name ?? "jobs").inserted else { return }
      say(
        .error, "cannot admit \((name ?? "jobs").printable): \(reason.printable); trying again",
        .trouble)
    }
  }
}
