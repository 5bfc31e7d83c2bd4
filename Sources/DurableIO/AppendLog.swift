import Glibc

/// A text file that grows line by line (`.jsonl`) and only ever shows whole lines to its owner.
///
/// One process appends. A line torn by a crash is cut off when the log is next opened; a line
/// that could not be written whole is taken back. Lines are durable after `sync`. Readers that
/// do not own the log use `lines(of:)`, which ignores a torn last line.
public final class AppendLog {
  private let file: OpenFile
  /// Bytes in whole lines.
  public private(set) var size: Int
  /// A failed append may have left part of a line behind `size`.
  private var torn = false

  /// Opens the log at `path`, created where missing, and cuts off a torn last line.
  public init(_ path: String, mode: UInt32 = 0o644) throws(SystemError) {
    let isNew = try !Directory.exists(path)
    file = try OpenFile(path, flags: O_RDWR | O_CREAT | O_APPEND, mode: mode)
    if isNew { try Directory.sync(splitPath(path).directory) }
    let total = try file.status().size
    size = try Self.wholeLines(file, total)
    if size < total { try file.truncate(to: size) }
  }

  /// Adds `line`, which has no newline of its own.
  public func append(_ line: String) throws(SystemError) {
    var bytes = Array(line.utf8)
    precondition(!bytes.contains(newline), "a line of a log contains a newline")
    bytes.append(newline)
    try cutTornLine()
    torn = true
    do {
      try file.write(bytes)
    } catch {
      try? cutTornLine()
      throw error
    }
    torn = false
    size += bytes.count
  }

  /// Returns when all lines are on the disk.
  public func sync(_ file: StaticString = #fileID, _ line: Int = #line) throws(SystemError) {
    try self.file.sync(file, line)
  }

  /// Drops the lines behind the first `byteCount` bytes, which must end a line.
  public func truncate(to byteCount: Int) throws(SystemError) {
    precondition(byteCount <= size, "a log cannot be cut behind its end")
    try file.truncate(to: byteCount)
    size = byteCount
    torn = false
  }

  /// Drops the first line for which `isUnwanted` is true and all lines after it. The log may be larger
  /// than the memory that there is for it: it is read in blocks.
  public func truncate(fromFirst isUnwanted: (String) -> Bool) throws(SystemError) {
    /// Where the bytes in `unread` begin.
    var offset = 0
    var unread: [UInt8] = []
    while offset + unread.count < size {
      unread += try block(at: offset + unread.count)
      var start = 0
      while let end = unread[start...].firstIndex(of: newline) {
        if isUnwanted(String(decoding: unread[start..<end], as: UTF8.self)) {
          return try truncate(to: offset + start)
        }
        start = end + 1
      }
      unread.removeFirst(start)
      offset += start
    }
  }

  private func block(at offset: Int) throws(SystemError) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: min(1 << 20, size - offset))
    let count = try unsafe block.withUnsafeMutableBufferPointer { (raw) throws(SystemError) in
      try unsafe file.read(into: UnsafeMutableRawBufferPointer(raw), at: offset)
    }
    guard count == block.count else {
      throw SystemError(operation: "read", path: file.path, code: EIO)
    }
    return block
  }

  /// The whole lines of the log at `path`, whoever is writing it; none if it is missing.
  public static func lines(of path: String) throws(SystemError) -> [String] {
    try readFileIfPresent(path, limit: .max - 1).map(split) ?? []
  }

  private func cutTornLine() throws(SystemError) {
    if torn { try file.truncate(to: size) }
    torn = false
  }

  /// Lines that end in a newline.
  private static func split(_ bytes: [UInt8]) -> [String] {
    bytes.split(separator: newline, omittingEmptySubsequences: false).dropLast().map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  /// The offset behind the last newline before `end`, searched from the end in blocks.
  private static func wholeLines(_ file: OpenFile, _ end: Int) throws(SystemError) -> Int {
    var end = end
    var block = [UInt8](repeating: 0, count: 4096)
    while end > 0 {
      let start = max(0, end - block.count)
      let count = end - start
      _ = try unsafe block.withUnsafeMutableBufferPointer { (raw) throws(SystemError) in
        try unsafe file.read(
          into: UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: raw[..<count])),
          at: start)
      }
      if let last = block[..<count].lastIndex(of: newline) { return start + last + 1 }
      end = start
    }
    return 0
  }
}

private let newline = UInt8(ascii: "\n")
