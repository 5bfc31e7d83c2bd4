public import StrictJSON

/// How a job stands in the queue: the section `queue` of a job file. Nothing in it changes what
/// the job computes.
public struct QueueSpec: Equatable, Sendable {
  /// Jobs of higher priority start first; those of one priority in the order of their numbers.
  public var priority = 0
  /// Whether the job waits to be released.
  public var hold = false
  /// The jobs that must have ended before this one starts.
  public var after: [Dependency] = []
  /// Seconds that the job may run in all, however often it is interrupted.
  public var timeLimit: Int?
  /// Names this submission among those of its submitter: a second one is the first job again.
  public var idempotencyKey: String?

  /// The defaults.
  public init() {}

  static let codec = ObjectCodec(
    "Place in the queue", defaults: QueueSpec(),
    fields: [
      Field(
        "priority", \.priority, .priority,
        "Jobs of higher priority start first; those of one priority in the order of their numbers."),
      Field("hold", \.hold, .bool, "Whether the job waits until somebody releases it."),
      Field(
        "after", \.after, .array(of: Dependency.codec.codec, count: 0...100),
        "Earlier jobs that must have ended before this one starts."),
      Field(
        "time_limit", \.timeLimit, .optional(TimeSpan.codec),
        "How long the job may run in all, in seconds or as \"2h30m\"; it is then stopped with a "
          + "checkpoint and has failed, and a retry lets it go on for as long again."),
      Field(
        "idempotency_key", \.idempotencyKey, .optional(idempotencyKeyCodec),
        "Of several jobs of one submitter with the same key only the first is admitted; the others "
          + "are answered with its number."),
    ])

  private static let idempotencyKeyCodec = JSONCodec.string(
    allowed: "a key: 1 to 128 letters, digits, '_', '.', ':' and '-'",
    pattern: "^[A-Za-z0-9_.:-]{1,128}$",
    matches: { key in
      (1...128).contains(key.utf8.count)
        && key.utf8.allSatisfy { byte in
          switch byte {
          case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
          default: "_.:-".utf8.contains(byte)
          }
        }
    })
}

/// A job that must have ended before another one starts.
public struct Dependency: Equatable, Sendable {
  /// An end that the other job waits for.
  public enum Condition: String, CaseIterable, Sendable {
    /// Done.
    case ok
    /// Over, in whatever way.
    case any
    /// Failed or cancelled.
    case notOk = "not ok"

    /// Whether the end in `state` is one that is waited for.
    public func isMet(by state: JobState) -> Bool {
      switch self {
      case .ok: state == .done
      case .any: state.isFinal
      case .notOk: state.isFinal && state != .done
      }
    }
  }

  /// The job; of several with one name the newest when the other one is admitted.
  public var job: JobReference
  /// The end that is waited for; with any other the dependent job fails.
  public var when = Condition.ok

  /// A dependency.
  public init(job: JobReference, when: Condition = .ok) {
    self.job = job
    self.when = when
  }

  static let codec = ObjectCodec(
    "A job to wait for", defaults: Dependency(job: .number(1)),
    fields: [
      Field(
        "job", \.job, JobReference.codec, required: true,
        "The number of an earlier job, or the name of one: the newest is meant."),
      Field(
        "when", \.when, .choice,
        "The end that is waited for: done, any, or failed or cancelled. With any other this job "
          + "fails."),
    ])
}

extension JSONCodec<Int> {
  /// A job's priority.
  public static let priority = JSONCodec.integer(-1000...1000)
}
