// The daemon's log. Under systemd a message is an entry in the journal, with its priority and the
// fields that find it; elsewhere it is a line on standard error, a line of words.
//
// Control characters in what others wrote are shown as escapes.
//
// Nothing is lost: what the journal does not take goes to standard error, from where systemd brings
// it there, each line beginning with its priority, `<4>`, as sd-daemon(3) has it.

import CSystemd
import Glibc
import Jobs
public import Logging

/// Writes log messages for the journal or for a terminal.
public struct ServiceLog: LogHandler {
  /// The least important level that is written.
  public var logLevel: Logger.Level
  /// Fields of every message, by their names in the journal.
  public var metadata = Logger.Metadata()
  private let send: (@Sendable (_ fields: [String]) -> Bool)?
  private let write: @Sendable (String) -> Void

  /// Writes to the journal, if standard error leads there, and else to standard error.
  public init(logLevel: Logger.Level) {
    self.init(logLevel: logLevel, send: standardErrorIsJournal() ? sendToJournal : nil) { line in
      var line = line
      // One call a line: lines of several threads do not mix.
      _ = line.withUTF8 { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
  }

  /// - send: Takes an entry, its fields each `NAME=value`, to the journal; false if it cannot. Nil:
  ///   there is no journal.
  package init(
    logLevel: Logger.Level, send: (@Sendable (_ fields: [String]) -> Bool)?,
    write: @escaping @Sendable (String) -> Void
  ) {
    self.logLevel = logLevel
    self.send = send
    self.write = write
  }

  /// One value of `metadata`.
  public subscript(metadataKey key: String) -> Logger.MetadataValue? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes a message.
  public func log(event: LogEvent) {
    if let send, send(fields(event)) { return }
    let prefix = send == nil ? "ddpmd: \(event.level.word)" : "<\(event.level.priority)>"
    // A message of several lines is several entries of one priority.
    for line in "\(event.message)".printableLines.split(whereSeparator: \.isNewline) {
      write("\(prefix)\(line)\n")
    }
  }

  private func fields(_ event: LogEvent) -> [String] {
    let own = metadata.merging(event.metadata ?? [:]) { $1 }
    return [
      "MESSAGE=\("\(event.message)".printableLines)", "PRIORITY=\(event.level.priority)",
      "SYSLOG_IDENTIFIER=ddpmd",
    ] + own.sorted { $0.key < $1.key }.map { "\($0.key)=\("\($0.value)".printable)" }
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

/// Whether standard error is the stream that systemd announced as `device:inode`, and its journal
/// can be reached by a better way.
private func standardErrorIsJournal() -> Bool {
  guard let announced = unsafe getenv("JOURNAL_STREAM"),
    unsafe access("/run/systemd/journal/socket", W_OK) == 0
  else { return false }
  var status = stat()
  guard unsafe fstat(STDERR_FILENO, &status) == 0 else { return false }
  return unsafe String(cString: announced) == "\(status.st_dev):\(status.st_ino)"
}

/// Sends an entry by sd_journal_sendv(3); false if the journal does not take it.
private func sendToJournal(_ fields: [String]) -> Bool {
  var bytes = fields.flatMap(\.utf8)
  return unsafe bytes.withUnsafeMutableBytes { buffer in
    var start = 0
    let parts = unsafe fields.map { field in
      defer { start += field.utf8.count }
      return unsafe iovec(
        iov_base: buffer.baseAddress.map { unsafe $0 + start }, iov_len: field.utf8.count)
    }
    return unsafe sd_journal_sendv(parts, Int32(parts.count)) >= 0
  }
}
