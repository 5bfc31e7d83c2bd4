import DurableIO
import Jobs

/// The last lines that a worker wrote into its job's log, as evidence of what became of it.
enum LogTail {
  /// At most ten lines of at most 300 characters, from behind byte `start` of the log at `path`:
  /// the last ones, or the last fatal error and what follows it.
  ///
  /// A log that cannot be read has no lines: evidence is not worth failing for.
  static func lines(of path: String, from start: Int) -> [String] {
    guard let bytes = try? bytes(of: path, from: start) else { return [] }
    let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
    let fatal = lines.lastIndex(where: isFatalError)
    return (fatal.map { lines[$0...].prefix(10) } ?? lines.suffix(10))
      .map { $0.prefix(300).printable }
  }

  /// Whether a line is the one by which a trap of Swift says what is wrong; a stack trace, which
  /// says less and is longer, comes behind it.
  static func isFatalError(_ line: some StringProtocol) -> Bool { line.contains("Fatal error: ") }

  /// The log's size now; 0 if there is none.
  static func size(of path: String) -> Int {
    (try? OpenFile(reading: path).status().size) ?? 0
  }

  private static func bytes(of path: String, from start: Int) throws -> [UInt8] {
    let file = try OpenFile(reading: path)
    // As long as the stack traces of a process with many threads.
    let limit = 256 * 1024
    let offset = max(start, try file.status().size - limit)
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = try unsafe bytes.withUnsafeMutableBytes {
      try unsafe file.read(into: $0, at: offset)
    }
    return Array(bytes.prefix(count))
  }
}
