import DurableIO
import Glibc
import TestSupport
import Testing

@Suite struct AppendLogTests {
  @Test(arguments: [0, 1, 4095, 4096, 4097, 20_000]) func cutsOffATornLastLine(length: Int) throws {
    let folder = try TemporaryFolder()
    let torn = String(repeating: "x", count: length)
    try AtomicFile.write("one\ntwo\n" + torn, to: folder("log"))
    let log = try AppendLog(folder("log"))
    try log.append("three")
    #expect(try AppendLog.lines(of: folder("log")) == ["one", "two", "three"])
    #expect(log.size == 14)
  }

  @Test func cutsOffATornOnlyLine() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write("torn", to: folder("log"))
    #expect(try AppendLog(folder("log")).size == 0)
    #expect(try readFile(folder("log")).isEmpty)
  }

  @Test func readersOfALogBeingWrittenSeeWholeLinesOnly() throws {
    let folder = try TemporaryFolder()
    #expect(try AppendLog.lines(of: folder("missing")).isEmpty)
    try AtomicFile.write("one\n\ntwo\nthr", to: folder("log"))
    #expect(try AppendLog.lines(of: folder("log")) == ["one", "", "two"])
  }

  @Test func dropsLinesFromTheFirstUnwantedOne() throws {
    let folder = try TemporaryFolder()
    let log = try AppendLog(folder("log"))
    for step in 1...9 { try log.append("\(step) ü") }
    try log.truncate { $0.hasPrefix("10") }
    #expect(try AppendLog.lines(of: folder("log")).count == 9)
    try log.truncate { $0.hasPrefix("6") }
    try log.append("6 again")
    #expect(
      try AppendLog.lines(of: folder("log")) == ["1 ü", "2 ü", "3 ü", "4 ü", "5 ü", "6 again"])
    try log.truncate(to: 0)
    #expect(try readFile(folder("log")).isEmpty)
  }

  /// Also where what is before is damaged, longer than a block, or ends with one.
  @Test(arguments: [[0xFF, 0xFE], [UInt8](repeating: 0x61, count: 3 << 20), [0x61], []])
  func dropsAtTheRightByte(_ bytes: [UInt8]) throws {
    let folder = try TemporaryFolder()
    for length in [0, 1, 1 << 20, 1 << 20 - 1] {
      let kept = bytes + [10] + [UInt8](repeating: 0x62, count: length) + [10]
      try AtomicFile.write(kept + Array("unwanted\nrest\n".utf8), to: folder("log"), synced: false)
      let log = try AppendLog(folder("log"))
      try log.truncate { $0 == "unwanted" }
      #expect(try readFile(folder("log")) == kept)
      #expect(log.size == kept.count)
    }
  }

  @Test(arguments: [FaultPlan.Fault.crash, .failure(ENOSPC)])
  func everyLineIsWholeOrAbsentWhicheverCallFails(fault: FaultPlan.Fault) throws {
    _ = try forEachCall(
      fault, prepare: { _ in },
      { folder in
        let log = try AppendLog(folder("log"))
        for line in ["first", "second", "third"] {
          do { try log.append(line) } catch  where fault != .crash { continue }
        }
        try log.sync()
      },
      check: { folder, _ in
        if fault != .crash, try Directory.exists(folder("log")) {
          let last = try readFile(folder("log")).last
          #expect(last == nil || last == UInt8(ascii: "\n"), "half a line is taken back")
        }
        let log = try AppendLog(folder("log"))
        try log.append("last")
        let lines = try AppendLog.lines(of: folder("log"))
        #expect(lines.last == "last")
        #expect(["first", "second", "third", "last"].filter(lines.contains) == lines)
      })
  }
}
