import ArgumentParser
import DurableIO
import Glibc
import Jobs
import Spool

struct Logs: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print a job's log.",
    discussion: "The log is what the job's workers wrote to their standard error.")

  @OptionGroup var spool: SpoolOptions

  @Flag(name: .shortAndLong, help: "Go on printing what is added, until the job is over.")
  var follow = false

  @Option(
    name: [.customShort("n"), .long],
    help: ArgumentHelp("Leave out all but the last so many lines.", valueName: "number"))
  var lines: Int?

  @Argument(
    help: "The job's number or name.", completion: .jobs(), transform: jobReference)
  var job: JobReference

  func validate() throws {
    if let lines, lines < 0 { throw ValidationError("--lines is 0 or more") }
  }

  func run() throws {
    let view = try spool.job(job)
    let interrupt = follow ? Interrupt() : nil
    var log = LogReader(path: view.directory.log)
    if let lines { try log.skip(toLast: lines) }
    while true {
      // The state comes first: what is written before the end of the job is then printed too.
      let isOver = try spool.job(.number(view.id)).job.state.isFinal
      try log.printNew()
      guard let interrupt, !isOver else { break }
      if !interrupt.pause() { throw Exit.interrupted }
    }
    if log.position == 0 {
      say("\(view.title) is \(view.stateText); its log is empty")
    }
  }
}

/// Copies what is new in a file to standard output, as `print` would.
private struct LogReader {
  let path: String
  /// Bytes printed.
  var position = 0

  /// Goes to where the last `count` lines begin.
  mutating func skip(toLast count: Int) throws {
    try whereThereIsOne { file in
      let size = try file.status().size
      var (start, left, buffer) = (size, count, [UInt8](repeating: 0, count: 1 << 16))
      // Backwards; the end of the last line begins none.
      while start > 0 {
        let block = max(start - buffer.count, 0)
        let read = try unsafe buffer.withUnsafeMutableBytes {
          try unsafe file.read(into: $0, at: block)
        }
        for index in (0..<min(read, start - block)).reversed()
        where buffer[index] == UInt8(ascii: "\n") && block + index < size - 1 {
          left -= 1
          if left == 0 { return position = block + index + 1 }
        }
        start = block
      }
      position = count == 0 ? size : 0
    }
  }

  mutating func printNew() throws {
    try whereThereIsOne { file in
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = try unsafe buffer.withUnsafeMutableBytes {
          try unsafe file.read(into: $0, at: position)
        }
        // A character whose last bytes are not there yet waits for them.
        let whole = count - incompleteEnd(of: buffer[..<count])
        if whole == 0 { return }
        position += whole
        Terminal.output.write(String(decoding: buffer[..<whole], as: UTF8.self).printableLines)
      }
    }
  }

  /// Opens the log, unless there is none: there is no log before the first run.
  private func whereThereIsOne(_ body: (OpenFile) throws -> Void) throws {
    do {
      try body(OpenFile(reading: path))
    } catch let error as SystemError {
      if !error.isNotFound { throw Refusal(error.description) }
    }
  }
}

/// How many bytes at the end of UTF-8 are the beginning of a character.
func incompleteEnd(of bytes: ArraySlice<UInt8>) -> Int {
  for (index, byte) in bytes.suffix(3).reversed().enumerated() where byte >= 0xC0 {
    let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2
    return index + 1 < length ? index + 1 : 0
  }
  return 0
}
