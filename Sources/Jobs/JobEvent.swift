public import StrictJSON

/// Something that happened to a job: one line of `jobs/ID/events.jsonl`.
public struct JobEvent: Equatable, Sendable {
  /// What happened.
  public enum Kind: String, CaseIterable, Sendable {
    /// The job's file was taken in.
    case admitted
    /// A worker was started.
    case started
    /// The worker stopped as asked, with a checkpoint.
    case stopped
    /// The worker died, or the daemon did with it; the job is run again.
    case crashed
    /// The machine was at fault, or the job crashed; it is run again after a while.
    case deferred
    /// Somebody holds the job back; a worker has stopped with a checkpoint.
    case held
    /// A held job may run again.
    case released
    /// Somebody has the job run again.
    case retried
    /// Somebody gave the job more steps.
    case extended
    /// Somebody made it another job before it ran.
    case edited
    /// Somebody asked to cancel the job.
    case cancelling
    /// The job is over: results are published.
    case finished
    /// The job is over: it cannot succeed.
    case failed
    /// The job is over: it has run for as long as it may, and has left a checkpoint.
    case timedOut = "timed out"
    /// The job is over: somebody cancelled it.
    case cancelled
  }

  /// When.
  public var time: Timestamp
  /// What.
  public var kind: Kind
  /// The run it happened in, counted from 1; 0 before the first.
  public var attempt: Int
  /// A sentence for people: why, or with what.
  public var reason: String?
  /// The worker's last words, where they explain the event.
  public var logLines: [String]

  /// An event.
  public init(
    time: Timestamp, kind: Kind, attempt: Int, reason: String? = nil, logLines: [String] = []
  ) {
    self.time = time
    self.kind = kind
    self.attempt = attempt
    self.reason = reason
    self.logLines = logLines
  }

  /// The event as JSON; what is not known is left out.
  public var json: JSONValue {
    var object: JSONObject = [
      "time": .string(time.description), "event": .string(kind.rawValue),
      "attempt": .integer(attempt),
    ]
    if let reason { object["reason"] = .string(reason) }
    if !logLines.isEmpty { object["log"] = .array(logLines.map { .string($0) }) }
    return .object(object)
  }

  /// The event as one line of JSON, without the line feed.
  public var line: String { json.serialized() }

  /// Reads a line; nil for one that is no event, such as the torn last line of a crash.
  public init?(line: some StringProtocol) {
    guard let json = try? JSONValue(parsing: String(line)),
      let time = json["time"]?.string.flatMap({ Timestamp($0) }),
      let kind = json["event"]?.string.flatMap({ Kind(rawValue: $0) }),
      let attempt = json["attempt"]?.int
    else { return nil }
    self.init(
      time: time, kind: kind, attempt: attempt, reason: json["reason"]?.string,
      logLines: json["log"]?.array?.compactMap(\.string) ?? [])
  }
}
