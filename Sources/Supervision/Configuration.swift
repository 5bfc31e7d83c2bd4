// What the administrator decides, and what is said of it; ConfigurationSource says where it stands,
// ConfigurationKey how it is written.

public import Logging
public import Spool

/// What the administrator decides.
public struct Configuration: Equatable, Sendable {
  /// Jobs that run at the same time.
  public var maxWorkers = 1
  /// Threads of one worker; nil shares the processors among those that run.
  public var threads: Int?
  /// Bytes of memory of a worker whose job sets no limit of its own; nil: no limit.
  public var memoryLimit: Int?
  /// The folders that what jobs name must lie in; nil: anywhere.
  public var dataRoots: [String]?
  /// What a worker gets to write its checkpoint before it is killed.
  public var stopGrace = Duration.seconds(60)
  /// A worker that uses no processor time for so long hangs, and is stopped; nil lets it.
  public var workerTimeout: Duration? = .seconds(600)
  /// A job that crashes this often without a new checkpoint has failed.
  public var crashLimit = 5
  /// The group whose members may command every job and the queue; nil: there is none.
  public var adminGroup: String?
  /// What everybody else may have.
  public var limits = UserLimits()
  /// Which ended jobs are removed.
  public var retention = JobRemoval.Retention()
  /// Which refused files and receipts are removed.
  public var answers = AnswerRemoval.Retention()
  /// The least important messages that are logged.
  public var logLevel = Logger.Level.info
  /// The file that metrics are written to; nil: none.
  public var metricsFile: String?
  /// The socket that metrics are read from; nil: none.
  public var metricsSocket: String?

  /// The defaults.
  public init() {}

  /// What is set otherwise than in `old`, a sentence for each key.
  public func changes(from old: Configuration) -> [String] {
    ConfigurationKey.all.compactMap { key in
      let (before, after) = (key.show(old), key.show(self))
      return before == after ? nil : "\(key.name) is \(after), and was \(before)"
    }
  }
}

extension Admission.Policy {
  /// Takes over what the administrator decides.
  mutating func adopt(_ configuration: Configuration) {
    authority = CommandAuthority(administrators: configuration.adminGroup)
    limits = configuration.limits
  }
}

/// A configuration that cannot be used.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// All that is wrong, in the order it is read: `FILE:LINE: WHAT WAS FOUND; WHAT IS ALLOWED`.
  public let problems: [String]

  /// One problem a line.
  public var description: String { problems.joined(separator: "\n") }
}
