// The daemon's log: one line a message on standard error. Under systemd each line begins with its
// priority, `<4>`, as sd-daemon(3) has it, and the journal adds time and name; elsewhere the line
// begins with them in words.

import Glibc
public import Logging

/// Writes log messages for the journal or for a terminal.
public struct ServiceLog: LogHandler {
  /// The least important level that is written.
  public var logLevel: Logger.Level
  /// Not written.
  public var metadata = Logger.Metadata()
  private let isJournal: Bool
  private let write: @Sendable (String) -> Void

  /// Writes to standard error, in the journal's form if that leads to the journal.
  public init(logLevel: Logger.Level) {
    self.init(logLevel: logLevel, isJournal: standardErrorIsJournal()) { line in
      var line = line
      // One call a line: lines of several threads do not mix.
      _ = line.withUTF8 { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
  }

  package init(
    logLevel: Logger.Level, isJournal: Bool, write: @escaping @Sendable (String) -> Void
  ) {
    self.logLevel = logLevel
    self.isJournal = isJournal
    self.write = write
  }

  /// One value of `metadata`.
  public subscript(metadataKey key: String) -> Logger.MetadataValue? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes a message.
  public func log(event: LogEvent) {
    let prefix = isJournal ? "<\(event.level.priority)>" : "ddpmd: \(event.level.word)"
    // A message of several lines is several entries of one priority.
    for line in "\(event.message)".split(whereSeparator: \.isNewline) {
      write("\(prefix)\(line)\n")
    }
  }
}

extension Logger.Level {
  /// The level of syslog(3).
  fileprivate var priority: Int {
    switch self {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }

  fileprivate var word: String {
    self >= .warning ? "\(rawValue): " : ""
  }
}

/// Whether standard error is the stream that systemd announced as `device:inode`.
private func standardErrorIsJournal() -> Bool {
  guard let announced = unsafe getenv("JOURNAL_STREAM") else { return false }
  var status = stat()
  guard unsafe fstat(STDERR_FILENO, &status) == 0 else { return false }
  return unsafe String(cString: announced) == "\(status.st_dev):\(status.st_ino)"
}
