import Jobs
import Spool
import StrictJSON

/// A job as people and scripts see it.
struct JobView {
  let job: SpoolReader.Job
  let directory: JobDirectory
  /// What a queued job waits for when nothing else is known.
  private let bottleneck: String
  /// Whether the job says that it runs, but nothing runs it.
  let isInterrupted: Bool

  /// - isServed: Whether there is a daemon.
  /// - isPaused: Whether the daemon starts no jobs.
  init(_ job: SpoolReader.Job, in layout: SpoolLayout, isServed: Bool, isPaused: Bool) {
    self.job = job
    bottleneck =
      isPaused ? "the queue is paused" : isServed ? "waits for a worker" : "waits for ddpmd"
    isInterrupted = job.state == .running && !isServed
    directory = layout.jobDirectory(job.id)
  }

  var id: Int { job.id }
  /// The job as it is run, with what was changed of it since it was submitted; nil if this version
  /// cannot read it.
  var spec: JobSpec? {
    job.envelope.map { job.amendment?.applied(to: $0.spec) ?? $0.spec }
  }
  var name: String { job.envelope?.spec.name ?? "?" }
  var kind: String { job.envelope?.spec.kind ?? "?" }

  /// The name, with the job's place in its array if it has one: "sweep [2/3]".
  var listName: String {
    name + (job.envelope?.array.map { " [\($0.place)/\($0.count)]" } ?? "")
  }

  /// "train fashion-mnist (job 3)".
  var title: String { "\(kind) \(name) (job \(id))" }

  /// The job's progress in a line; nil before the first step.
  var progressLine: ProgressLine? {
    progress.map { progress in
      ProgressLine(
        title: title, shortTitle: "job \(id)", unit: kind == "train" ? "step" : "image",
        progress: progress)
    }
  }

  /// How far the job is. A worker's last word on that may come before its last step.
  var progress: Progress? {
    guard var progress = job.progress else { return nil }
    if job.state == .done { progress.step = progress.steps }
    if job.state != .running || isInterrupted {
      progress.imagesPerSecond = nil
      progress.secondsLeft = nil
    }
    return progress
  }

  /// How long the job has run.
  var secondsRun: Double {
    var entry = job.entry
    if job.state == .running && !isInterrupted { entry.endRun(at: .now()) }
    return entry.totalSecondsRun
  }

  /// How long the job has run, in words; nil if it has not.
  var timeRun: String? {
    secondsRun > 0 ? TimeSpan.words(seconds: Int(secondsRun.rounded())) : nil
  }

  /// The state, with what else there is to know about it.
  var stateText: String {
    if job.entry.cancelRequested && !job.state.isFinal { return "cancelling" }
    if job.entry.holdRequested && job.state == .running { return "holding" }
    if job.state == .failed && job.entry.timedOut { return "timed out" }
    return isInterrupted ? "interrupted" : job.state.rawValue
  }

  /// The colour of the state: green what runs, red what failed, yellow what does not go on by itself or
  /// not yet, grey what was cancelled.
  var color: Int? {
    if isInterrupted { return 33 }
    return switch job.state {
    case .running: 32
    case .failed: 31
    case .held, .deferred: 33
    case .cancelled: 90
    case .queued, .done: nil
    }
  }

  /// Why the job is in its state, and when that changes, as far as there is something to say; one
  /// line.
  var reason: String? {
    if isInterrupted { return "goes on when ddpmd runs again" }
    let retry = job.entry.notBefore.flatMap { $0 > .now() ? "tries again at \($0)" : nil }
    // A job that could not be started because of that has it for its reason already.
    let known = job.entry.reason == job.absence ? nil : job.entry.reason
    let parts = [known, job.absence].compactMap { $0?.printable } + [retry].compactMap { $0 }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }

  /// The reason; for every job that waits there is one.
  var explanation: String? {
    switch job.state {
    case .queued: reason ?? bottleneck
    case .held: reason ?? "until it is released"
    case .running, .deferred, .done, .failed, .cancelled: reason
    }
  }

  /// The state and its reason.
  var stateAndReason: String { stateText + (explanation.map { ": \($0)" } ?? "") }

  /// "1200/8000, loss 0.0312"; empty before the first step.
  var progressText: String {
    guard let progress else { return "" }
    return ["\(progress.step)/\(progress.steps)", qualityText(progress)].compactMap { $0 }
      .joined(separator: ", ")
  }

  /// The job for scripts; what is not known is null.
  var json: JSONValue {
    let envelope = job.envelope
    return [
      "id": .integer(id),
      "name": (envelope?.spec.name).map { .string($0) } ?? nil,
      "kind": (envelope?.spec.kind).map { .string($0) } ?? nil,
      "state": .string(job.state.rawValue),
      "cancel_requested": .bool(job.entry.cancelRequested),
      "timed_out": .bool(job.entry.timedOut),
      "hold_requested": .bool(job.entry.holdRequested),
      "priority": .integer(job.entry.priority),
      "attempt": .integer(job.entry.attempts),
      "seconds_run": .double(job.entry.totalSecondsRun),
      "ended": (job.entry.ended?.description).map { .string($0) } ?? nil,
      "reason": (job.state.isFinal && job.absence == nil ? job.entry.reason : explanation)
        .map { .string($0) } ?? nil,
      "not_before": (job.entry.notBefore?.description).map { .string($0) } ?? nil,
      "array": envelope?.array.map { array in
        [
          "first": .integer(array.first), "place": .integer(array.place),
          "count": .integer(array.count), "values": .object(array.values),
        ]
      } ?? nil,
      "submitted": (envelope?.submitted.description).map { .string($0) } ?? nil,
      "submitter": (envelope?.submitter).map { .integer($0) } ?? nil,
      "progress": progress?.json ?? nil,
      "directory": .string(directory.path),
      "results": job.state == .done ? .string(directory.results) : nil,
    ]
  }
}

/// "loss 0.0312" or "3.71 bits/dim", as far as there is one.
func qualityText(_ progress: Progress) -> String? {
  progress.loss.map { "loss \(significant($0, digits: 3))" }
    ?? progress.bitsPerDimension.map { "\(significant($0, digits: 3)) bits/dim" }
}

/// "45 s", "3 min 20 s", "2 h 5 min" or "3 d 4 h".
func durationText(seconds: Double) -> String {
  guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
  let seconds = Int(seconds.rounded())
  let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400)
  func text(_ large: Int, _ largeUnit: String, _ small: Int, _ smallUnit: String) -> String {
    small == 0 ? "\(large) \(largeUnit)" : "\(large) \(largeUnit) \(small) \(smallUnit)"
  }
  if days > 0 { return text(days, "d", hours % 24, "h") }
  if hours > 0 { return text(hours, "h", minutes % 60, "min") }
  if minutes > 0 { return text(minutes, "min", seconds % 60, "s") }
  return "\(seconds) s"
}

/// The time since `moment`.
func ageText(_ moment: Timestamp) -> String {
  durationText(
    seconds: Double(max(Timestamp.now().milliseconds - moment.milliseconds, 0)) / 1000)
}
