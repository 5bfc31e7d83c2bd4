// The daemon's configuration file: lines of `key = value`, comments after `#`, every key optional.
// An unknown or repeated key and a value that is not allowed are errors that name file and line;
// all of them are reported, not only the first.

import DurableIO
public import Logging
public import Spool

/// What the administrator decides.
public struct Configuration: Equatable, Sendable {
  /// Jobs that run at the same time.
  public var maxWorkers = 1
  /// Threads of one worker; nil divides the processors among the workers.
  public var threads: Int?
  /// What a worker gets to write its checkpoint before it is killed.
  public var stopGrace = Duration.seconds(60)
  /// A job that crashes this often without a new checkpoint has failed.
  public var crashLimit = 5
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

  /// The number of threads a worker is given on a machine with `processors`.
  public func threadsPerWorker(processors: Int) -> Int {
    threads ?? max(1, processors / maxWorkers)
  }
}

/// A configuration file that cannot be used.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// All that is wrong, in the order of the lines: `FILE:LINE: WHAT WAS FOUND; WHAT IS ALLOWED`.
  public let problems: [String]

  /// One problem a line.
  public var description: String { problems.joined(separator: "\n") }
}

/// One key: what its values may be, and how a value is taken.
private struct Setting: Sendable {
  let allowed: String
  /// False if the value is not allowed.
  let apply: @Sendable (_ value: String, _ configuration: inout Configuration) -> Bool

  init<Value>(
    _ allowed: String, _ parse: @escaping @Sendable (String) -> Value?,
    _ store: @escaping @Sendable (Value, inout Configuration) -> Void
  ) {
    self.allowed = allowed
    apply = { text, configuration in
      guard let value = parse(text) else { return false }
      store(value, &configuration)
      return true
    }
  }
}

private let settings: [String: Setting] = [
  "max_workers": Setting(
    "an integer from 1 to 64", { integer($0, in: 1...64) }, { $1.maxWorkers = $0 }),
  "threads": Setting(
    "auto, or an integer from 1 to 1024",
    { $0 == "auto" ? .some(nil) : integer($0, in: 1...1024).map(Optional.some) },
    { $1.threads = $0 }),
  "stop_grace": Setting(
    "a time from 1 s to 24 h, as 90 s, 2 min or 1 h", duration, { $1.stopGrace = $0 }),
  "crash_limit": Setting(
    "an integer from 1 to 1000", { integer($0, in: 1...1000) }, { $1.crashLimit = $0 }),
  "purge_age": Setting(
    "never, or a time from 1 s to 36500 d, as 90 s, 2 min, 12 h or 30 d",
    { $0 == "never" ? .some(nil) : age($0).map(Optional.some) }, { $1.retention.age = $0 }),
  "purge_count": Setting(
    "never, or an integer from 0 to 1000000000",
    { $0 == "never" ? .some(nil) : integer($0, in: 0...1_000_000_000).map(Optional.some) },
    { $1.retention.count = $0 }),
  "log_level": Setting(
    "one of " + Logger.Level.allCases.map(\.rawValue).joined(separator: ", "),
    Logger.Level.init(rawValue:), { $1.logLevel = $0 }),
]

private func integer(_ text: String, in range: ClosedRange<Int>) -> Int? {
  guard text.allSatisfy({ $0.isASCII && $0.isNumber }), let value = Int(text) else { return nil }
  return range.contains(value) ? value : nil
}

private func duration(_ text: String) -> Duration? { duration(text, atMost: 86400) }

private func age(_ text: String) -> Duration? { duration(text, atMost: 36500 * 86400) }

/// - longest: In seconds.
private func duration(_ text: String, atMost longest: Int) -> Duration? {
  let digits = text.prefix { $0.isASCII && $0.isNumber }
  let units = ["s": 1, "min": 60, "h": 3600, "d": 86400]
  guard let unit = units[trimmed(text[digits.endIndex...])],
    let value = integer(String(digits), in: 1...longest), value <= longest / unit
  else { return nil }
  return .seconds(value * unit)
}

private func trimmed(_ text: some StringProtocol) -> String {
  var part = text[...]
  while part.first?.isWhitespace == true { part.removeFirst() }
  while part.last?.isWhitespace == true { part.removeLast() }
  return String(part)
}
