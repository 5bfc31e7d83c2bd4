package import Jobs

/// A job that has not ended, as the scheduler holds it in memory.
package struct ActiveJob: Equatable, Sendable {
  package var summary: JobSummary
  package var phase: Phase
  /// The latest word of the current run.
  package var progress: Progress?
  /// Why the worker says the job cannot succeed, or cannot go on now.
  var failure: String?
  /// The jobs that this one waits for: those that have not ended, and those that have ended
  /// otherwise than was waited for.
  var prerequisites: [Prerequisite]
  /// How often in a row the machine has failed the job.
  var setbacks = 0
  /// Whether its worker did not stop in time and was killed.
  var isKilled = false

  /// Where a job is between admission and its end.
  package enum Phase: Equatable, Sendable {
    /// Runs when there is room.
    case queued
    /// Waits for its retry timer.
    case deferred(reason: String)
    case held
    /// Has a worker.
    case running
    /// Has a worker that has been told to stop.
    case stopping(StopReason)
    /// Has a worker of an earlier daemon, which has been told to stop.
    case orphaned(StopReason)
    /// Has left its phase; the move of its entry is being written.
    indirect case recording(Transition)
  }

  /// Why a worker has been told to stop, which says what comes after.
  package enum StopReason: Equatable, Sendable {
    /// The job is cancelled.
    case cancel
    /// The job is held.
    case hold
    /// The job has run for as long as it may.
    case timeLimit
    /// The worker does nothing. One that can still stop runs on; one that has to be killed has
    /// crashed.
    case hung
    /// The job runs again when there is room: its hold was withdrawn, or the daemon stops.
    case requeue

    /// Where the job goes when its worker has stopped.
    var transition: Transition {
      switch self {
      case .cancel: .cancelled
      case .hold: .held
      case .timeLimit: .timedOut
      case .hung, .requeue: .queued
      }
    }
  }

  init(_ summary: JobSummary, _ phase: Phase) {
    self.summary = summary
    self.phase = phase
    prerequisites = summary.after.filter { !$0.isMet }
  }

  /// Whether the job runs as soon as there is room.
  var isReady: Bool { phase == .queued && prerequisites.isEmpty }

  /// The job's place among those that are ready.
  var place: RunOrder.Place { RunOrder.Place(priority: summary.priority, id: summary.id) }

  /// Whether a worker of this daemon is at work.
  var isOurs: Bool { phase == .running || isStopping }

  var isStopping: Bool {
    if case .stopping = phase { true } else { false }
  }

  /// Takes note of the first and of every further word of a run.
  ///
  /// A run that begins beyond where the run before began has a newer checkpoint under it: what
  /// went wrong before that counts no longer. (The step reached says less: a job that always
  /// crashes at the same step reaches new steps every time.)
  mutating func take(_ progress: Progress) {
    if self.progress == nil {
      if let before = summary.resumedAt, progress.step > before {
        summary.crashes = 0
        setbacks = 0
      }
      summary.resumedAt = max(progress.step, summary.resumedAt ?? progress.step)
    }
    self.progress = progress
  }

  /// The job's next phase when its worker has ended.
  mutating func transition(after report: WorkerReport, policy: SchedulingPolicy) -> Transition {
    // Their publication is the worker's last act, whatever has ended it.
    if report.resultsPublished { return .done }
    switch (phase, report.end) {
    case (.stopping(.cancel), _):
      return .cancelled
    case (_, .exited(code: WorkerExit.failed)):
      return .failed(
        reason: failure ?? report.logLines.last ?? "the worker gave no reason",
        logLines: report.logLines)
    case (.stopping(.hung), .killed):
      return crashed(report, policy)
    case (.stopping(let reason), _):
      return reason.transition
    case (_, .exited(code: WorkerExit.stopped)):
      return setBack(
        failure ?? report.logLines.last ?? "the worker stopped by itself", policy)
    default:
      return crashed(report, policy)
    }
  }

  /// Takes a run that has ended off the time that is left, whose timer is not needed any more.
  mutating func countRun(_ ran: Duration) -> [Action] {
    guard let timeLeft = summary.timeLeft else { return [] }
    summary.timeLeft = timeLeft - ran
    return [.cancelTimer(.limit(summary.id))]
  }

  /// The machine is at fault: never the job's end, however often.
  mutating func setBack(_ reason: String, _ policy: SchedulingPolicy) -> Transition {
    setbacks += 1
    return .deferred(
      Retry(
        delay: policy.retryDelays.forRepetition(setbacks), reason: reason,
        crashes: summary.crashes, resumedAt: summary.resumedAt, isCrash: false, logLines: []))
  }

  private mutating func crashed(_ report: WorkerReport, _ policy: SchedulingPolicy) -> Transition {
    summary.crashes += 1
    // Progress comes once a second at most.
    let place = progress.map { " past step \($0.step) of \($0.steps)" } ?? " before its first step"
    let cause =
      phase == .stopping(.hung)
      ? ": it had hung, using no processor time"
      : report.logLines.first.flatMap { LogTail.isFatalError($0) ? ": " + $0 : nil }
    // What its worker cannot say itself any more.
    let limit = summary.memoryLimit.map { " (its memory_limit is \(MemorySize.text($0)))" }
    let crash = report.end.description + place + (cause ?? "") + (limit ?? "")
    guard summary.crashes <= summary.retry.limit ?? policy.crashLimit - 1 else {
      return .failed(
        reason: "the worker crashed \(summary.crashes) times in a row without a new checkpoint, "
          + "the last time with \(crash)",
        logLines: report.logLines)
    }
    return .deferred(
      Retry(
        delay: (summary.retry.delays.map { $0.map { .seconds($0) } } ?? policy.crashDelays)
          .forRepetition(summary.crashes),
        reason: "the worker crashed with \(crash)", crashes: summary.crashes,
        resumedAt: summary.resumedAt, isCrash: true, logLines: report.logLines))
  }
}

extension WorkerEnd: CustomStringConvertible {
  package var description: String {
    switch self {
    case .exited(code: WorkerExit.finished): "exit code 0 but no results"
    case .exited(let code): "exit code \(code)"
    case .killed(let signal): signalName(signal)
    }
  }
}

/// The name of a signal on Linux, for messages.
private func signalName(_ number: Int32) -> String {
  let names: [Int32: String] = [
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS",
    8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
    24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
  ]
  return names[number] ?? "signal \(number)"
}

extension [Duration] {
  /// The element for the n-th time, n from 1; the last one repeats.
  func forRepetition(_ n: Int) -> Duration {
    isEmpty ? .zero : self[Swift.min(n, count) - 1]
  }
}
