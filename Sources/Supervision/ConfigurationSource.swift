// Where the configuration stands. What comes later in this list goes before what comes earlier:
//
// 1. the defaults;
// 2. the configuration file: lines of `key = value`, comments after `#`, every key optional;
// 3. files of the same form in the folder FILE.d, those whose names end in `.conf` and begin with
//    no dot, in the order of their names;
// 4. the environment: DDPMD_KEY=value;
// 5. the command line: --set key=value.
//
// An unknown key, a key that one file sets twice and a value that is not allowed are errors; all
// of them are reported, not only the first, each with its place.

import DurableIO
import StrictJSON

/// What a daemon's configuration is read from, each time that it is read.
public struct ConfigurationSource: Sendable {
  /// The configuration file; nil if there is none, and no folder beside it.
  public let file: String?
  private let isRequired: Bool
  private let environment: [String: String]
  private let assignments: [String]

  /// A source.
  ///
  /// - isRequired: false takes the defaults where there is no such file.
  /// - environment: the process's; of no concern are names that do not begin with `DDPMD_`.
  /// - assignments: each `key=value`, from the command line.
  public init(
    file: String?, isRequired: Bool = true, environment: [String: String] = [:],
    assignments: [String] = []
  ) {
    self.file = file
    self.isRequired = isRequired
    self.environment = environment
    self.assignments = assignments
  }

  /// Reads all of it.
  public func read() throws(ConfigurationError) -> EffectiveConfiguration {
    var effective = EffectiveConfiguration()
    var problems: [String] = []
    if let file {
      problems += effective.take(file: file, isRequired: isRequired)
      do {
        for name in try dropIns(file + ".d") {
          problems += effective.take(file: "\(file).d/\(name)", isRequired: true)
        }
      } catch {
        problems.append("\(file).d: \(error.reason)")
      }
    }
    let prefix = "DDPMD_"
    for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix(prefix) {
      let key = name.dropFirst(prefix.count).lowercased()
      problems += effective.set(key, value, .process("\(name) in the environment"))
    }
    for assignment in assignments {
      problems += effective.set(assignment: assignment, .process("--set"))
    }
    guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
    return effective
  }

  private func dropIns(_ folder: String) throws(SystemError) -> [String] {
    do {
      return try Directory.names(in: folder).filter { $0.hasSuffix(".conf") && $0.first != "." }
        .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    } catch {
      if error.isNotFound { return [] }
      throw error
    }
  }
}

/// A configuration, and where each of its values stands.
public struct EffectiveConfiguration: Sendable {
  /// What holds.
  public private(set) var configuration = Configuration()
  private var origins: [String: Origin] = [:]
  /// What files say, whatever the process was started with.
  private var fromFiles: [String: (value: String, place: Origin)] = [:]

  /// Where a value stands.
  enum Origin: CustomStringConvertible {
    case line(Int, file: String)
    /// Given to the process when it was started.
    case process(String)

    var description: String {
      switch self {
      case .line(let number, let file): "\(file):\(number)"
      case .process(let place): place
      }
    }
  }

  init() {}

  /// Every key with its value and where that stands: a configuration file of the same content.
  public var listing: String {
    let lines = ConfigurationKey.all.map { key in
      (
        setting: "\(key.name) = \(key.show(configuration))",
        origin: origins[key.name]?.description ?? "default"
      )
    }
    let width = lines.map(\.setting.count).max() ?? 0
    return lines.map { line in
      line.setting + String(repeating: " ", count: width - line.setting.count)
        + "  # \(line.origin)\n"
    }.joined()
  }

  /// What files say in vain as long as this process lives, a sentence a key.
  public var overridden: [String] {
    ConfigurationKey.all.compactMap { key in
      let value = key.show(configuration)
      guard case .process(let place) = origins[key.name], let other = fromFiles[key.name],
        other.value != value
      else { return nil }
      return "\(key.name) stays \(value) until a restart: "
        + "\(place) goes before \(other.value) in \(other.place)"
    }
  }

  /// Takes a file's settings; what is wrong with it.
  mutating func take(file: String, isRequired: Bool) -> [String] {
    let bytes: [UInt8]
    do {
      bytes = try readFile(file, limit: 1 << 20)
    } catch {
      return error.isNotFound && !isRequired ? [] : ["\(file): \(error.reason)"]
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      return ["\(file): is not UTF-8 text"]
    }
    return take(text, file: file)
  }

  /// Takes the settings of a file's text; what is wrong with it.
  mutating func take(_ text: String, file: String) -> [String] {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.enumerated().flatMap { index, line in
      let assignment = trimmed(line.prefix { $0 != "#" })
      return assignment.isEmpty
        ? [] : set(assignment: assignment, .line(index + 1, file: file))
    }
  }

  /// Takes `key = value`; what is wrong with it, if anything.
  mutating func set(assignment: String, _ origin: Origin) -> [String] {
    guard let equals = assignment.firstIndex(of: "=") else {
      return ["\(origin): \"\(assignment)\" is not of the form key = value"]
    }
    return set(
      trimmed(assignment[..<equals]), trimmed(assignment[assignment.index(after: equals)...]),
      origin)
  }

  /// Takes a value; what is wrong with it, if anything.
  mutating func set(_ name: String, _ value: String, _ origin: Origin) -> [String] {
    guard let key = ConfigurationKey[name] else {
      let names = ConfigurationKey.all.map(\.name)
      let hint =
        nearest(to: name, among: names).map { "did you mean \"\($0)\"?" }
        ?? "the keys are \(names.joined(separator: ", "))"
      return ["\(origin): unknown key \"\(name)\"; \(hint)"]
    }
    if case .line(_, let file) = origin, case .line(let earlier, file) = origins[name] {
      return ["\(origin): \"\(name)\" was already set in line \(earlier)"]
    }
    guard key.apply(value, &configuration) else {
      return ["\(origin): \(name) is \"\(value)\"; allowed: \(key.allowed)"]
    }
    origins[name] = origin
    if case .line = origin { fromFiles[name] = (key.show(configuration), origin) }
    return []
  }
}
