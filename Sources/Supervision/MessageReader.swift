// Makes messages of a worker's output: lines of at most 64 KiB; everything else is nonsense.

import Glibc
import Jobs

/// Reads a worker's pipe, which does not block.
struct MessageReader {
  let descriptor: Int32
  private var lines = LineSplitter(limit: 64 * 1024)
  private var saidNonsense = false

  init(descriptor: Int32) { self.descriptor = descriptor }

  /// Reads once what is there and reports it; false at the end of the output.
  ///
  /// Of several progress messages in a row only the last is reported.
  mutating func read(_ report: (WorkerProcess.Report) -> Void) -> Bool {
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
    guard count > 0 else { return count == -1 && (errno == EAGAIN || errno == EINTR) }
    var latest: WorkerMessage?
    for line in lines.feed(chunk[..<count]) {
      switch line.flatMap(WorkerMessage.init(line:)) {
      case .progress(let progress)?:
        latest = .progress(progress)
      case let message?:
        if let latest { report(.message(latest)) }
        latest = nil
        report(.message(message))
      case nil:
        if !saidNonsense {
          report(.nonsense(String((line ?? "a line of over 64 KiB").prefix(200))))
        }
        saidNonsense = true
      }
    }
    if let latest { report(.message(latest)) }
    return true
  }

  /// Reads what a worker that has ended left in the pipe, and no more than a pipe holds.
  mutating func finish(_ report: (WorkerProcess.Report) -> Void) {
    for _ in 0..<16 {
      guard read(report) else { return }
    }
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
