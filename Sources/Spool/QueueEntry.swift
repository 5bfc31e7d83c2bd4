public import Jobs
public import StrictJSON

/// What the queue remembers of a job besides its state: the content of `queue/STATE/ID`.
public struct QueueEntry: Equatable, Sendable {
  /// The job.
  public let id: Int
  /// Runs of a worker that have begun, that which is under way included.
  public var attempts = 0
  /// Jobs of higher priority start first.
  public var priority = 0
  /// The jobs that must have ended before this one starts, as far as that has not happened.
  public var after: [Dependency] = []
  /// Crashes in a row without progress.
  public var crashes = 0
  /// The step that the run before the latest crash began at: a run that begins beyond it has a newer
  /// checkpoint under it, which is progress. Nil if that run got no word out.
  public var resumedAt: Int?
  /// How long the job has run since its time limit began, without the run that is under way.
  public var secondsRun = 0.0
  /// How long it had run before: a job that has ended and is run again has all of its limit again.
  var secondsRunBefore = 0.0
  /// How long the job has run in all, without the run that is under way.
  public var totalSecondsRun: Double { secondsRunBefore + secondsRun }
  /// When the run that is under way began; nil for the job of a daemon that does not note it.
  public var started: Timestamp?
  /// When the job ended; nil for the job of a daemon that does not note it.
  public var ended: Timestamp?
  /// Whether the job has failed because it had run for as long as it may.
  public var timedOut = false
  /// A deferred job is not run before this moment.
  public var notBefore: Timestamp?
  /// Why the job is in its state: a sentence for people.
  public var reason: String?
  /// Somebody who may do so has cancelled the job; it only has to stop yet.
  public var cancelRequested = false
  /// Somebody who may do so holds the job; if it is not in `held`, it only has to stop yet.
  public var holdRequested = false

  /// A job that must have ended before another one starts.
  public struct Dependency: Equatable, Sendable {
    /// Its number.
    public var job: Int
    /// The end that is waited for.
    public var when: Jobs.Dependency.Condition

    /// A dependency.
    public init(job: Int, when: Jobs.Dependency.Condition) {
      self.job = job
      self.when = when
    }
  }

  /// Begins the job's time limit anew.
  mutating func renewTimeLimit() {
    secondsRunBefore = Self.plausible(totalSecondsRun)
    secondsRun = 0
  }

  /// Adds the run that is under way, which has taken so long, to the time that the job has run, once.
  public mutating func endRun(after seconds: Double) {
    if started != nil { secondsRun = Self.plausible(secondsRun + max(seconds, 0)) }
    started = nil
  }

  /// Ends a run of which only the end is known, by the system's clock.
  public mutating func endRun(at end: Timestamp) {
    guard let began = started else { return }
    endRun(after: Double(end.milliseconds - began.milliseconds) / 1000)
  }

  /// More runs or crashes than any job has: what a damaged entry says is counted on from there.
  private static let most = 1_000_000_000

  private static func plausible(_ seconds: Double) -> Double { min(max(seconds, 0), 1e12) }

  /// The entry of a job that was never run.
  public init(id: Int) { self.id = id }

  /// The entry of a new job, but for the jobs that it waits for.
  init(id: Int, _ spec: QueueSpec) {
    self.init(id: id)
    priority = spec.priority
    holdRequested = spec.hold
  }

  /// The content of the entry's file.
  public var json: JSONValue {
    var object: JSONObject = ["attempts": .integer(attempts)]
    if priority != 0 { object["priority"] = .integer(priority) }
    if !after.isEmpty {
      object["after"] = .array(
        after.map { ["job": .integer($0.job), "when": .string($0.when.rawValue)] })
    }
    if crashes > 0 { object["crashes"] = .integer(crashes) }
    if let resumedAt { object["resumed_at"] = .integer(resumedAt) }
    if secondsRun > 0 { object["seconds_run"] = .double(secondsRun) }
    if secondsRunBefore > 0 { object["seconds_run_before"] = .double(secondsRunBefore) }
    if let started { object["started"] = .string(started.description) }
    if let ended { object["ended"] = .string(ended.description) }
    if timedOut { object["timed_out"] = true }
    if let notBefore { object["not_before"] = .string(notBefore.description) }
    if let reason { object["reason"] = .string(reason) }
    if cancelRequested { object["cancel_requested"] = true }
    if holdRequested { object["hold_requested"] = true }
    return .object(object)
  }

  /// Reads the content of an entry's file.
  ///
  /// The job's state is the entry's place, so a content that cannot be read, which no crash
  /// leaves behind, costs the counters and says so, but never the job.
  ///
  /// - state: the entry's place.
  package init(id: Int, content: [UInt8], in state: JobState) {
    self.init(id: id)
    guard let json = try? JSONValue(parsing: content), json.object != nil else {
      reason = "the queue entry was damaged; its counters begin anew"
      return
    }
    func count(_ key: String) -> Int? { json[key]?.int.map { min(max($0, 0), Self.most) } }
    // Earlier versions counted the run that comes next as well.
    let begun = count("attempt").map { state == .running || state.isFinal ? $0 : $0 - 1 }
    attempts = max(count("attempts") ?? begun ?? 0, 0)
    priority = json["priority"]?.int ?? 0
    after = (json["after"]?.array ?? []).compactMap { json in
      guard let job = json["job"]?.int,
        let when = json["when"]?.string.flatMap({ Jobs.Dependency.Condition(rawValue: $0) })
      else { return nil }
      return Dependency(job: job, when: when)
    }
    crashes = count("crashes") ?? 0
    resumedAt = json["resumed_at"]?.int
    secondsRun = Self.plausible(json["seconds_run"]?.double ?? 0)
    secondsRunBefore = Self.plausible(json["seconds_run_before"]?.double ?? 0)
    started = json["started"]?.string.flatMap { Timestamp($0) }
    ended = json["ended"]?.string.flatMap { Timestamp($0) }
    timedOut = json["timed_out"]?.bool ?? false
    notBefore = json["not_before"]?.string.flatMap { Timestamp($0) }
    reason = json["reason"]?.string
    cancelRequested = json["cancel_requested"]?.bool ?? false
    holdRequested = json["hold_requested"]?.bool ?? false
  }
}
