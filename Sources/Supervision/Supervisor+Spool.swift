// The supervisor's dealings with the spool: recovery, and the entries of jobs.

import DurableIO
import Glibc
import Jobs
import Logging
import Spool
import StrictJSON

extension Supervisor {
  func recover() -> [Event] {
    do {
      let recovery = try Recovery.run(setup.layout, &admission) { self.showLife() }
      troubled.remove("recovery")
      note(recovery)
      note(recovery.troubles)
      let isPaused = try Directory.exists(setup.layout.paused)
      var answers: [Event] = []
      // One after the other: a long queue is not in memory twice.
      for state in [JobState.running, .queued, .held, .deferred] {
        for id in try queue.ids(in: state) {
          showLife()
          guard let entry = try queue.entry(id, in: state),
            let standing = Standing(entry, in: state)
          else { continue }
          answers += settle(.appeared(try summary(entry), standing))
        }
      }
      return [.paused(isPaused), .opened] + answers
    } catch {
      logOnce("\(error)", about: "recovery")
      return [.recoveryFailed(reason: error.description)]
    }
  }

  /// Writes what the recovery did into the log and into the jobs' histories.
  private func note(_ recovery: Recovery) {
    for outcome in recovery.admissions { log(outcome) }
    for entry in recovery.requeued {
      say(
        .warning, "job \(entry.id) was running when the daemon died; it goes on", .crashed,
        job: entry.id, attempt: entry.attempts, state: .queued)
      append(.crashed, to: entry.id, attempt: entry.attempts, reason: "the daemon died")
    }
    for (ids, end) in [
      (recovery.finished, JobEvent.Kind.finished), (recovery.cancelled, .cancelled),
      (recovery.held, .held),
    ] {
      for id in ids {
        let found = try? queue.find(id)
        let attempt = found?.entry.attempts ?? 0
        if let state = found?.state {
          say(end, of: id, "that was due when the daemon died", attempt: attempt, state: state)
        }
        append(end, to: id, attempt: attempt)
      }
    }
    for entry in recovery.stillRunning {
      say(.notice, "job \(entry.id) still has the worker of an earlier daemon", job: entry.id)
    }
  }

  /// Shows to the spool's readers what there is of problems, as far as that can be done.
  func showProblem() {
    do {
      let notice = try self.notice ?? NoticeFile(setup.layout.problem)
      self.notice = notice
      let more = remains.count > 1 ? ", and \(remains.count - 1) more" : ""
      try notice.say(
        problem ?? export.troubles.first ?? remains.first.map { "\($0)\(more)".printable })
    } catch {
      say(.debug, "\(error)")
    }
  }

  /// Moves the job's entry on.
  func record(_ id: Int, _ transition: Transition) -> [Event] {
    do {
      guard let (state, entry) = try queue.find(id) else { return [vanished(id)] }
      var next = entry
      next.notBefore = nil
      next.reason = nil
      next.timedOut = transition == .timedOut
      let target: JobState
      let event: JobEvent.Kind
      var logLines: [String] = []
      switch transition {
      case .queued: (target, event) = (.queued, .stopped)
      case .held: (target, event) = (.held, .held)
      case .deferred(let retry):
        (target, event) = (.deferred, retry.isCrash ? .crashed : .deferred)
        next.crashes = retry.crashes
        next.resumedAt = retry.resumedAt
        next.reason = retry.reason
        next.notBefore = .now() + retry.delay
        logLines = retry.logLines
      case .done: (target, event) = (.done, .finished)
      case .failed(let reason, let lines):
        (target, event) = (.failed, .failed)
        next.reason = reason
        logLines = lines
      case .timedOut:
        (target, event) = (.failed, .timedOut)
        next.reason =
          "it ran for as long as its time_limit allows; a retry lets it go on for as long again"
      case .cancelled: (target, event) = (.cancelled, .cancelled)
      }
      if let run = runs[id] {
        next.endRun(after: run.duration / .seconds(1))
      } else {
        next.endRun(at: .now())
      }
      if target.isFinal { next.ended = .now() }
      if state.isFinal && state != target { return [vanished(id)] }
      // Before the move: a daemon that dies here leaves a running job, which recovery looks after.
      if state == .running { setup.layout.jobDirectory(id).removeTemporaries() }
      try queue.move(next, from: state, to: target)
      append(event, to: id, attempt: entry.attempts, reason: next.reason, logLines: logLines)
      say(event, of: id, next.reason, attempt: entry.attempts, state: target)
      troubled.remove("job \(id)")
      runs[id] = nil
      return [.recorded(id)]
    } catch {
      logOnce("job \(id): \(error)", about: "job \(id)", job: id)
      return [.recordFailed(id, reason: "job \(id): \(error)")]
    }
  }

  func vanished(_ id: Int) -> Event {
    say(.notice, "job \(id) is over already, or its queue entry was removed", job: id)
    return .vanished(id)
  }

  /// Writes into a queued job's entry why it waits, and what for. If that fails, the next daemon
  /// looks again how the jobs that it waited for have ended.
  func explain(_ id: Int, _ reason: String?, _ after: [QueueEntry.Dependency]) {
    do {
      guard let entry = try queue.entry(id, in: .queued) else { return }
      var new = entry
      new.reason = reason
      new.after = after
      if new != entry { try queue.update(new, in: .queued) }
    } catch {
      say(.warning, "the entry of job \(id) does not say why it waits: \(error)", job: id)
    }
  }

  func noteCancellation(_ id: Int) {
    let entry = (try? queue.entry(id, in: .running)) ?? QueueEntry(id: id)
    append(.cancelling, to: id, attempt: entry.attempts)
  }

  func saveProgress(_ id: Int, _ progress: Progress) {
    var json = progress.json.object ?? [:]
    if let run = runs[id] {
      json["attempt"] = .integer(run.attempt)
      json["seconds_run"] = .double(run.duration / .seconds(1))
    }
    do {
      try AtomicFile.write(
        JSONValue.object(json).serialized() + "\n", to: setup.layout.jobDirectory(id).progress,
        synced: false)
    } catch {
      // The next one comes within a second; a full disk must not fill the log as well.
      say(.debug, "\(error)")
    }
  }

  /// Adds to the job's history, which nothing depends on.
  func append(
    _ kind: JobEvent.Kind, to id: Int, attempt: Int, reason: String? = nil,
    logLines: [String] = []
  ) {
    export.metrics.events[kind, default: 0] += 1
    export.endedJobs = nil
    let event = JobEvent(
      time: .now(), kind: kind, attempt: attempt, reason: reason, logLines: logLines)
    do {
      try setup.layout.jobDirectory(id).append(event)
    } catch {
      say(.warning, "the history of job \(id) misses that it was \(kind): \(error)", job: id)
    }
  }

  private func summary(_ entry: QueueEntry) throws(SystemError) -> JobSummary {
    let directory = setup.layout.jobDirectory(entry.id)
    guard let bytes = try readFileIfPresent(directory.job) else {
      // Where all of them are missing, their disk is, which comes back.
      if try Directory.names(in: setup.layout.jobs).isEmpty {
        throw SystemError(
          operation: "open", path: directory.job, code: ENOENT,
          detail: "the folders of all jobs are missing; put them back, or, if they are lost, "
            + "mkdir \(directory.path)")
      }
      if let absence = try directory.absence(of: entry.id, in: .queued) {
        say(.warning, absence, job: entry.id)
      }
      return summary(entry, nil)
    }
    do {
      return summary(entry, try Envelope.parse(bytes))
    } catch {
      say(.warning, "job \(entry.id): \(error)", job: entry.id)
      return summary(entry, nil)
    }
  }

  /// - envelope: nil if it is unreadable. The worker cannot read it either, and fails the job with
  ///   all that is to be said.
  func summary(_ entry: QueueEntry, _ envelope: Envelope?) -> JobSummary {
    let limit = envelope?.spec.queue.timeLimit
    var summary = JobSummary(
      id: entry.id, kind: envelope?.spec.kind ?? "job", name: envelope?.spec.name ?? "unreadable",
      priority: entry.priority, crashes: entry.crashes, resumedAt: entry.resumedAt,
      model: envelope?.spec.work.model,
      after: entry.after.map { .init(job: $0.job, when: $0.when, fate: fate(of: $0.job)) },
      timeLeft: limit.map { .seconds($0) - .milliseconds(Int(entry.secondsRun * 1000)) })
    summary.submitter = envelope?.submitter
    if let spec = envelope?.spec {
      summary.threads = spec.work.threads
      summary.memoryLimit = spec.queue.memoryLimit
      summary.retry = spec.queue.retry
    }
    return summary
  }

  /// What has become of a job that another one waits for. Where that cannot be found out now, it
  /// counts as not over; the next daemon looks again.
  private func fate(of id: Int) -> Prerequisite.Fate {
    do {
      guard let state = try queue.state(of: id) else { return .gone }
      return state.isFinal ? .ended(state) : .open
    } catch {
      say(.warning, "\(error)")
      return .open
    }
  }
}

extension Standing {
  /// How a job with that entry in `state` stands; nil if it has ended.
  init?(_ entry: QueueEntry, in state: JobState) {
    switch state {
    case .queued: self = .queued
    case .held: self = .held
    case .running:
      self = .orphaned(
        entry.cancelRequested ? .cancel : entry.holdRequested ? .hold : .requeue)
    case .deferred:
      let remaining = (entry.notBefore?.milliseconds ?? 0) - Timestamp.now().milliseconds
      self = .deferred(
        remaining: .milliseconds(max(0, remaining)), reason: entry.reason ?? "it was deferred")
    case .done, .failed, .cancelled: return nil
    }
  }
}

extension Timestamp {
  fileprivate static func + (time: Timestamp, delay: Duration) -> Timestamp {
    Timestamp(milliseconds: time.milliseconds + delay.milliseconds)
  }
}
