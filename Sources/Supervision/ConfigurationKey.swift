// The keys of the configuration: their names, what they are for, the values they may have, and how
// those are written. The commented file, the manual and --check-config all rest on this list.

import Jobs
import Logging
import Spool

/// One key: what its values may be, how a value is taken, and how it is written.
public struct ConfigurationKey: Sendable {
  /// As it stands before the equals sign.
  public let name: String
  /// Its values, in words.
  public let allowed: String
  /// What it is for, in sentences.
  public let summary: String
  /// False if the value is not allowed.
  let apply: @Sendable (_ value: String, _ configuration: inout Configuration) -> Bool
  let show: @Sendable (_ configuration: Configuration) -> String

  /// What holds where it is not set.
  public var defaultValue: String { show(Configuration()) }

  private init<Value>(
    _ name: String, _ allowed: String, _ key: any WritableKeyPath<Configuration, Value> & Sendable,
    _ parse: @escaping @Sendable (String) -> Value?, _ summary: String,
    _ write: @escaping @Sendable (Value) -> String = { "\($0)" }
  ) {
    self.allowed = allowed
    self.summary = summary
    self.name = name
    apply = { text, configuration in
      guard let value = parse(text) else { return false }
      configuration[keyPath: key] = value
      return true
    }
    show = { write($0[keyPath: key]) }
  }

  /// A key that may also be set to `none`, which is nil.
  private init<Value>(
    _ name: String, _ allowed: String, none: String,
    _ key: any WritableKeyPath<Configuration, Value?> & Sendable,
    _ parse: @escaping @Sendable (String) -> Value?, _ summary: String,
    _ write: @escaping @Sendable (Value) -> String = { "\($0)" }
  ) {
    self.init(
      name, none + ", or " + allowed, key,
      { $0 == none ? .some(nil) : parse($0).map(Optional.some) }, summary, { $0.map(write) ?? none }
    )
  }
}

extension ConfigurationKey {
  /// All keys, in the order in which they are explained.
  public static let documented = [
    ConfigurationKey(
      "max_workers", "an integer from 1 to 64", \.maxWorkers, { integer($0, in: 1...64) },
      """
      Jobs that run at the same time, each in a worker process of its own. Training speeds up with \
      threads nearly as well as with workers, and a job that has the machine to itself ends sooner.
      """),
    ConfigurationKey(
      "threads", "an integer from 1 to 1024", none: "auto", \.threads,
      { integer($0, in: 1...1024) },
      """
      Threads of one worker. auto shares the processors that the daemon may use among the workers \
      that are running: a lone one has all of them, and shares change, at the next step, whenever \
      a worker starts or ends. The number of threads does not change any result.
      """),
    ConfigurationKey(
      "memory_limit", "an amount of memory of at least 64 MiB, as 512 MiB, 4 GiB or 1 TiB",
      none: "none", \.memoryLimit, MemorySize.bytes,
      """
      Memory that one worker may take whose job sets no "memory_limit" of its own. A job that needs \
      more fails, and says how much. Files that it reads do not count.
      """, MemorySize.text),
    ConfigurationKey(
      "stop_grace", "a time from 1 s to 24 h, as 90 s, 2 min or 1 h", \.stopGrace, dayAtMost,
      """
      What a running job gets, when it is cancelled or the daemon stops, to finish its step and to \
      write a checkpoint before it is killed. A killed job goes on from the checkpoint before.
      """, spelled),
    ConfigurationKey(
      "worker_timeout", "a time from 1 s to 24 h, as 90 s, 2 min or 1 h", none: "never",
      \.workerTimeout, dayAtMost,
      """
      A worker that uses no processor time for so long hangs, in a dead network folder for example, \
      and is stopped, killed if need be, and started again.
      """, spelled),
    ConfigurationKey(
      "crash_limit", "an integer from 1 to 1000", \.crashLimit, { integer($0, in: 1...1000) },
      """
      A job whose worker crashes this many times in a row without getting to a new checkpoint has \
      failed. Until then it is run again after 1 s, 5 s, 30 s, 2 min, then every 10 min. A job's \
      own "retry" says otherwise. What is the machine's fault, such as a full disk, never fails a \
      job.
      """),
    ConfigurationKey(
      "admin_group", "the name of a group of this machine", none: "none", \.adminGroup,
      { CommandAuthority.isGroup($0) ? $0 : nil },
      """
      The members of this group may command every job, and pause the queue, like root. Others \
      command only the jobs that they have submitted.
      """),
    ConfigurationKey(
      "max_jobs_per_user", "an integer from 1 to 1000000000", none: "unlimited", \.limits.jobs,
      { integer($0, in: 1...1_000_000_000) },
      """
      Jobs of one user that are not over. A job file or array that would make more is refused; jobs \
      that are there already stay. root, the daemon's own user and the members of admin_group may \
      have any number.
      """),
    ConfigurationKey(
      "max_priority", "an integer from 0 to 1000", none: "unlimited", \.limits.priority,
      { integer($0, in: 0...1000) },
      """
      The highest priority that users may give to jobs, when they submit or command them; a job that \
      has a higher one already keeps it. root, the daemon's own user and the members of admin_group \
      may give any.
      """),
    ConfigurationKey(
      "data_roots", "absolute paths without \"#\" and \":\", with \":\" between them",
      none: "all", \.dataRoots, absoluteList,
      """
      The folders that jobs may read data sets, models and images from; where symbolic links lead \
      out of them, it is not read. A job reads nothing that the user who submitted it may not read, \
      whatever this says.
      """, { $0.joined(separator: ":") }),
    ConfigurationKey(
      "purge_age", "a time from 1 s to 36500 d, as 90 s, 2 min, 12 h or 30 d", none: "never",
      \.retention.age, { duration($0, atMost: 36500 * 86400) },
      """
      Jobs that ended longer ago are removed with all their files, results included. Jobs that \
      others wait for or read are kept as long as those are not over.
      """, spelled),
    ConfigurationKey(
      "purge_count", "an integer from 0 to 1000000000", none: "never", \.retention.count,
      { integer($0, in: 0...1_000_000_000) },
      """
      Of the jobs that have ended, only so many are kept, those with the highest numbers.
      """),
    ConfigurationKey(
      "rejected_age", "a time from 1 s to 36500 d, as 90 s, 2 min, 12 h or 30 d", none: "never",
      \.answers.rejectedAge, { duration($0, atMost: 36500 * 86400) },
      """
      Files that were refused longer ago are removed from the folder rejected/, with their reasons.
      """, spelled),
    ConfigurationKey(
      "rejected_count", "an integer from 0 to 1000000000", none: "never", \.answers.rejectedCount,
      { integer($0, in: 0...1_000_000_000) },
      "Of the refused files, only so many are kept, those that were refused last."),
    ConfigurationKey(
      "receipt_age", "a time from 1 s to 36500 d, as 90 s, 2 min, 12 h or 30 d", none: "never",
      \.answers.receiptAge, { duration($0, atMost: 36500 * 86400) },
      """
      Answers to submissions and commands, which ddpmctl waits half a minute for, are removed when \
      they are older. A job's "idempotency_key" does without them.
      """, spelled),
    ConfigurationKey(
      "log_level", "one of " + Logger.Level.allCases.map(\.rawValue).joined(separator: ", "),
      \.logLevel, Logger.Level.init(rawValue:), "The least important messages that are logged."),
    ConfigurationKey(
      "metrics_file", "an absolute path without \"#\"", none: "none", \.metricsFile,
      { absolute($0) },
      """
      Metrics for Prometheus: a file for node-exporter's textfile collector, written when there is \
      news, every 15 s at most.
      """),
    ConfigurationKey(
      "metrics_socket", "an absolute path of at most 107 bytes without \"#\"", none: "none",
      \.metricsSocket, { absolute($0, atMost: 107) },
      "The same metrics from a Unix socket that answers GET /metrics."),
  ]

  /// All keys, in the order of their names.
  public static let all = documented.sorted { $0.name < $1.name }

  /// The key called `name`.
  static subscript(name: String) -> ConfigurationKey? { all.first { $0.name == name } }
}

private func integer(_ text: String, in range: ClosedRange<Int>) -> Int? {
  guard text.allSatisfy({ $0.isASCII && $0.isNumber }), let value = Int(text) else { return nil }
  return range.contains(value) ? value : nil
}

private func dayAtMost(_ text: String) -> Duration? { duration(text, atMost: 86400) }

/// The units of time, each a whole number of the one before.
private let units = [("s", 1), ("min", 60), ("h", 3600), ("d", 86400)]

/// - longest: In seconds.
private func duration(_ text: String, atMost longest: Int) -> Duration? {
  let digits = text.prefix { $0.isASCII && $0.isNumber }
  let name = trimmed(text[digits.endIndex...])
  guard let unit = units.first(where: { $0.0 == name })?.1,
    let value = integer(String(digits), in: 1...longest), value <= longest / unit
  else { return nil }
  return .seconds(value * unit)
}

/// As `duration` reads it, in the largest unit that is exact.
private func spelled(_ duration: Duration) -> String {
  let seconds = Int(duration.components.seconds)
  let (name, unit) = units.last { seconds % $0.1 == 0 } ?? ("s", 1)
  return "\(seconds / unit) \(name)"
}

/// - limit: of sockets' names, by the kernel.
private func absolute(_ text: String, atMost limit: Int = 4095) -> String? {
  let isAllowed =
    text.utf8.first == UInt8(ascii: "/") && text.utf8.count <= limit
    && !text.contains { $0 == "#" || $0.isNewline || $0 == "\0" }
  return isAllowed ? text : nil
}

/// Absolute paths with colons between them.
private func absoluteList(_ text: String) -> [String]? {
  let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(trimmed)
  let paths = parts.compactMap { absolute($0) }
  return paths.count == parts.count ? paths : nil
}

/// `text` without white space around it.
func trimmed(_ text: some StringProtocol) -> String {
  var part = text[...]
  while part.first?.isWhitespace == true { part.removeFirst() }
  while part.last?.isWhitespace == true { part.removeLast() }
  return String(part)
}
