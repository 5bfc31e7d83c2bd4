// Makes messages of a worker's output: lines of at most 64 KiB; everything else is nonsense.

import Glibc
import Jobs

/// Reads a worker's pipe, which does not block.
struct MessageReader {
  private var lines = LineSplitter(limit: 64 * 1024)
  private var saidNonsense = false

  /// Reads once what is there, at most 64 KiB.
  ///
  /// Of several progress messages in a row only the last is reported; of all nonsense the first.
  mutating func read(_ descriptor: Int32) -> (reports: [WorkerProcess.Report], isOver: Bool) {
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
    guard count > 0 else { return ([], count == 0 || (errno != EAGAIN && errno != EINTR)) }
    return (lines.feed(chunk[..<count]).reduce(into: []) { take($1, &$0) }, false)
  }

  private mutating func take(_ line: String?, _ reports: inout [WorkerProcess.Report]) {
    guard let message = line.flatMap({ WorkerMessage(line: $0) }) else {
      if !saidNonsense {
        reports.append(.nonsense(String((line ?? "a very long line").prefix(200))))
      }
      saidNonsense = true
      return
    }
    if case .progress = message, case .message(.progress) = reports.last { reports.removeLast() }
    reports.append(.message(message))
  }
}

/// Cuts a stream of bytes into lines.
struct LineSplitter {
  let limit: Int
  private var rest: [UInt8] = []
  private var isTooLong = false

  init(limit: Int) { self.limit = limit }

  /// The lines that `bytes` completes, without their newlines; nil stands for one over the limit.
  mutating func feed(_ bytes: ArraySlice<UInt8>) -> [String?] {
    var lines: [String?] = []
    for part in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      let endsHere = part.endIndex == bytes.endIndex
      if rest.count + part.count > limit {
        isTooLong = true
        rest = []
      } else if !isTooLong {
        rest += part
      }
      if endsHere { break }
      lines.append(isTooLong ? nil : String(decoding: rest, as: UTF8.self))
      rest = []
      isTooLong = false
    }
    return lines
  }
}
