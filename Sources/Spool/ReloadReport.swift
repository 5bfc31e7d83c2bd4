// What `ddpmctl reload` learns from the daemon: the content of `STATE/configuration`, which the
// daemon writes when it starts and whenever it has read its configuration anew.

import Glibc
package import StrictJSON

/// What became of the daemon's configuration when it was read last.
public struct ReloadReport: Equatable, Sendable {
  /// The file that it is read from when the daemon is asked to; nil if there is none, and SIGHUP
  /// stops the daemon.
  public var file: String?
  /// When the reading began, on the clock of `now()`: what was in the file before is known.
  public var readAt: Int
  /// What holds since then and did not before, a sentence a key.
  public var changes: [String]
  /// What does not hold yet, or not because it stands elsewhere as well, a sentence each.
  public var notes: [String]
  /// What is wrong with the configuration: all stays as it was.
  public var problems: [String]

  /// A report.
  public init(
    file: String?, readAt: Int, changes: [String] = [], notes: [String] = [],
    problems: [String] = []
  ) {
    self.file = file
    self.readAt = readAt
    self.changes = changes
    self.notes = notes
    self.problems = problems
  }

  /// Microseconds on the machine's monotonic clock, which all its processes share.
  public static func now() -> Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
  }

  /// As it is written to disk.
  package var json: JSONValue {
    [
      "file": file.map { .string($0) } ?? nil, "read_monotonic_usec": .integer(readAt),
      "changes": .array(changes.map { .string($0) }),
      "notes": .array(notes.map { .string($0) }),
      "problems": .array(problems.map { .string($0) }),
    ]
  }

  /// Nil for what is no such content.
  init?(_ content: [UInt8]) {
    guard let json = try? JSONValue(parsing: content), let readAt = json["read_monotonic_usec"]?.int
    else { return nil }
    func sentences(_ key: String) -> [String] {
      json[key]?.array?.compactMap(\.string) ?? []
    }
    self.init(
      file: json["file"]?.string, readAt: readAt, changes: sentences("changes"),
      notes: sentences("notes"), problems: sentences("problems"))
  }
}
