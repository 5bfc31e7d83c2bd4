// The keys of the configuration: their names, the values they may have, and how those are written.

import Jobs
import Logging
import Spool

/// One key: what its values may be, how a value is taken, and how it is written.
public struct ConfigurationKey: Sendable {
  /// As it stands before the equals sign.
  public let name: String
  /// Its values, in words.
  public let allowed: String
  /// False if the value is not allowed.
  let apply: @Sendable (_ value: String, _ configuration: inout Configuration) -> Bool
  let show: @Sendable (_ configuration: Configuration) -> String

  /// What holds where it is not set.
  public var defaultValue: String { show(Configuration()) }

  private init<Value>(
    _ name: String, _ allowed: String, _ key: any WritableKeyPath<Configuration, Value> & Sendable,
    _ parse: @escaping @Sendable (String) -> Value?,
    _ write: @escaping @Sendable (Value) -> String = { "\($0)" }
  ) {
    self.allowed = allowed
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
    _ parse: @escaping @Sendable (String) -> Value?,
    _ write: @escaping @Sendable (Value) -> String = { "\($0)" }
  ) {
    self.init(
      name, none + ", or " + allowed, key,
      { $0 == none ? .some(nil) : parse($0).map(Optional.some) }, { $0.map(write) ?? none })
  }
}

extension ConfigurationKey {
  /// All keys, in the order of their names.
  public static let all = [
    ConfigurationKey(
      "max_workers", "an integer from 1 to 64", \.maxWorkers, { integer($0, in: 1...64) }),
    ConfigurationKey(
      "threads", "an integer from 1 to 1024", none: "auto", \.threads, { integer($0, in: 1...1024) }
    ),
    ConfigurationKey(
      "memory_limit", "an amount of memory of at least 64 MiB, as 512 MiB, 4 GiB or 1 TiB",
      none: "none", \.memoryLimit, MemorySize.bytes, MemorySize.text),
    ConfigurationKey(
      "admin_group", "the name of a group of this machine", none: "none", \.adminGroup,
      { CommandAuthority.isGroup($0) ? $0 : nil }),
    ConfigurationKey(
      "stop_grace", "a time from 1 s to 24 h, as 90 s, 2 min or 1 h", \.stopGrace, dayAtMost,
      spelled),
    ConfigurationKey(
      "worker_timeout", "a time from 1 s to 24 h, as 90 s, 2 min or 1 h", none: "never",
      \.workerTimeout, dayAtMost,
      spelled),
    ConfigurationKey(
      "crash_limit", "an integer from 1 to 1000", \.crashLimit, { integer($0, in: 1...1000) }),
    ConfigurationKey(
      "purge_age", "a time from 1 s to 36500 d, as 90 s, 2 min, 12 h or 30 d", none: "never",
      \.retention.age,
      { duration($0, atMost: 36500 * 86400) }, spelled),
    ConfigurationKey(
      "purge_count", "an integer from 0 to 1000000000", none: "never", \.retention.count,
      { integer($0, in: 0...1_000_000_000) }),
    ConfigurationKey(
      "log_level", "one of " + Logger.Level.allCases.map(\.rawValue).joined(separator: ", "),
      \.logLevel,
      Logger.Level.init(rawValue:)),
    ConfigurationKey(
      "metrics_file", "an absolute path without \"#\"", none: "none", \.metricsFile,
      { absolute($0) }),
    ConfigurationKey(
      "metrics_socket", "an absolute path of at most 107 bytes without \"#\"", none: "none",
      \.metricsSocket, { absolute($0, atMost: 107) }),
  ].sorted { $0.name < $1.name }

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

/// `text` without white space around it.
func trimmed(_ text: some StringProtocol) -> String {
  var part = text[...]
  while part.first?.isWhitespace == true { part.removeFirst() }
  while part.last?.isWhitespace == true { part.removeLast() }
  return String(part)
}
