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
  /// Bytes of memory that the job's worker may take; nil leaves it to the daemon.
  public var memoryLimit: Int?
  /// What becomes of the job when its worker crashes.
  public var retry = RetrySpec()
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
        "memory_limit", \.memoryLimit, .optional(MemorySize.codec),
        "How much memory the job's worker may take, in bytes or as \"4 GiB\": a job that needs more "
          + "fails. Files that it reads do not count. null takes the daemon's memory_limit."),
      Field("retry", \.retry, RetrySpec.codec.codec, "What happens when the job's worker crashes."),
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

/// How often, and after which delays, a job is run again whose worker has crashed.
///
/// Only crashes in a row without a new checkpoint in between count. What is the machine's fault,
/// such as a full disk, never fails a job.
public struct RetrySpec: Equatable, Sendable {
  /// So many crashes are followed by another run, the next one fails the job; nil leaves it to the
  /// daemon.
  public var limit: Int?
  /// Seconds to wait after the first, second … crash, the last for all that follow; nil leaves it
  /// to the daemon.
  public var delays: [Int]?

  /// What the daemon does for every job.
  public init() {}

  static let codec = ObjectCodec(
    "Retries after crashes", defaults: RetrySpec(),
    fields: [
      Field(
        "limit", \.limit, .optional(.integer(0...1000)),
        "How often in a row, without a new checkpoint in between, the job is run again after a crash "
          + "of its worker before it fails. null takes one less than the daemon's crash_limit."),
      Field(
        "delays", \.delays, .optional(.array(of: TimeSpan.codec, count: 1...20)),
        "How long to wait before the first, second … of these runs, in seconds or as \"2m\"; the last "
          + "delay repeats. null is 1s, 5s, 30s, 2m, 10m."),
    ])
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
