// The daemon's configuration file: lines of `key = value`, comments after `#`, every key optional.
// An unknown or repeated key and a value that is not allowed are errors that name file and line;
// all of them are reported, not only the first.

import DurableIO
import Jobs
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
  /// What a worker gets to write its checkpoint before it is killed.
  public var stopGrace = Duration.seconds(60)
  /// A worker that uses no processor time for so long hangs, and is stopped; nil lets it.
  public var workerTimeout: Duration? = .seconds(600)
  /// A job that crashes this often without a new checkpoint has failed.
  public var crashLimit = 5
  /// The group whose members may command every job and the queue; nil: there is none.
  public var adminGroup: String?
  /// Which ended jobs are removed.
  public var retention = JobRemoval.Retention()
  /// The least important messages that are logged.
  public var logLevel = Logger.Level.info

  /// The defaults.
  public init() {}

  /// Reads a configuration file's text.
  ///
  /// - file: the name that errors show.
  public init(parsing text: String, file: String) throws(ConfigurationError) {
    self.init()
    var seen: [String: Int] = [:]
    var problems: [String] = []
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      if let problem = take(trimmed(line.prefix { $0 != "#" }), number: index + 1, &seen) {
        problems.append("\(file):\(index + 1): \(problem)")
      }
    }
    guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
  }

  /// Takes one line's setting; what is wrong with it, if anything.
  ///
  /// - seen: the lines of the keys so far.
  private mutating func take(_ line: String, number: Int, _ seen: inout [String: Int]) -> String? {
    if line.isEmpty { return nil }
    guard let equals = line.firstIndex(of: "=") else {
      return "\"\(line)\" is not of the form key = value"
    }
    let key = trimmed(line[..<equals])
    let value = trimmed(line[line.index(after: equals)...])
    guard let setting = settings[key] else {
      let known = settings.keys.sorted().joined(separator: ", ")
      return "unknown key \"\(key)\"; the keys are \(known)"
    }
    if let earlier = seen.updateValue(number, forKey: key) {
      return "\"\(key)\" was already set in line \(earlier)"
    }
    return setting.apply(value, &self)
      ? nil : "\(key) is \"\(value)\"; allowed: \(setting.allowed)"
  }

  /// Reads the configuration file at `file`.
  ///
  /// - isRequired: false takes the defaults where there is no such file.
  public init(file: String, isRequired: Bool) throws(ConfigurationError) {
    let bytes: [UInt8]
    do {
      bytes = try readFile(file, limit: 1 << 20)
    } catch {
      if error.isNotFound && !isRequired {
        self.init()
        return
      }
      throw ConfigurationError(problems: ["\(file): \(error.reason)"])
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ConfigurationError(problems: ["\(file): is not UTF-8 text"])
    }
    try self.init(parsing: text, file: file)
  }

  /// What is set otherwise than in `old`, a sentence for each key.
  public func changes(from old: Configuration) -> [String] {
    settings.sorted { $0.key < $1.key }.compactMap { key, setting in
      let (before, after) = (setting.show(old), setting.show(self))
      return before == after ? nil : "\(key) is \(after), and was \(before)"
    }
  }
}

/// A configuration file that cannot be used.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// All that is wrong, in the order of the lines: `FILE:LINE: WHAT WAS FOUND; WHAT IS ALLOWED`.
  public let problems: [String]

  /// One problem a line.
  public var description: String { problems.joined(separator: "\n") }
}

/// One key: what its values may be, how a value is taken, and how it is written.
private struct Setting: Sendable {
  let allowed: String
  /// False if the value is not allowed.
  let apply: @Sendable (_ value: String, _ configuration: inout Configuration) -> Bool
  let show: @Sendable (_ configuration: Configuration) -> String

  init<Value>(
    _ allowed: String, _ key: any WritableKeyPath<Configuration, Value> & Sendable,
    _ parse: @escaping @Sendable (String) -> Value?,
    _ write: @escaping @Sendable (Value) -> String = { "\($0)" }
  ) {
    self.allowed = allowed
    apply = { text, configuration in
      guard let value = parse(text) else { return false }
      configuration[keyPath: key] = value
      return true
    }
    show = { write($0[keyPath: key]) }
  }

  /// A key that may also be set to `none`, which is nil.
  init<Value>(
    _ allowed: String, none: String, _ key: any WritableKeyPath<Configuration, Value?> & Sendable,
    _ parse: @escaping @Sendable (String) -> Value?,
    _ write: @escaping @Sendable (Value) -> String = { "\($0)" }
  ) {
    self.init(
      none + ", or " + allowed, key,
      { $0 == none ? .some(nil) : parse($0).map(Optional.some) }, { $0.map(write) ?? none })
  }
}

private let settings: [String: Setting] = [
  "max_workers": Setting("an integer from 1 to 64", \.maxWorkers, { integer($0, in: 1...64) }),
  "threads": Setting(
    "an integer from 1 to 1024", none: "auto", \.threads, { integer($0, in: 1...1024) }),
  "memory_limit": Setting(
    "an amount of memory of at least 64 MiB, as 512 MiB, 4 GiB or 1 TiB", none: "none",
    \.memoryLimit, MemorySize.bytes, MemorySize.text),
  "admin_group": Setting(
    "the name of a group of this machine", none: "none", \.adminGroup,
    { CommandAuthority.isGroup($0) ? $0 : nil }),
  "stop_grace": Setting(
    "a time from 1 s to 24 h, as 90 s, 2 min or 1 h", \.stopGrace, dayAtMost, spelled),
  "worker_timeout": Setting(
    "a time from 1 s to 24 h, as 90 s, 2 min or 1 h", none: "never", \.workerTimeout, dayAtMost,
    spelled),
  "crash_limit": Setting(
    "an integer from 1 to 1000", \.crashLimit, { integer($0, in: 1...1000) }),
  "purge_age": Setting(
    "a time from 1 s to 36500 d, as 90 s, 2 min, 12 h or 30 d", none: "never", \.retention.age,
    { duration($0, atMost: 36500 * 86400) }, spelled),
  "purge_count": Setting(
    "an integer from 0 to 1000000000", none: "never", \.retention.count,
    { integer($0, in: 0...1_000_000_000) }),
  "log_level": Setting(
    "one of " + Logger.Level.allCases.map(\.rawValue).joined(separator: ", "), \.logLevel,
    Logger.Level.init(rawValue:)),
]

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

private func trimmed(_ text: some StringProtocol) -> String {
  var part = text[...]
  while part.first?.isWhitespace == true { part.removeFirst() }
  while part.last?.isWhitespace == true { part.removeLast() }
  return String(part)
}
