import Testing
import TestSupport

@testable import DurableIO

@Suite struct NoticeFileTests {
  /// The first line, as its readers take it.
  private func line(_ path: String) throws -> String {
    let text = String(decoding: try readFile(path), as: UTF8.self)
    return try #require(text.split(separator: "\n", omittingEmptySubsequences: false).first)
      .description
  }

  @Test func saysTheLatestAlone() throws {
    let folder = try TemporaryFolder()
    let path = folder("notice")
    try AtomicFile.write("what an earlier one said\n", to: path)
    let notice = try NoticeFile(path)
    #expect(try line(path) == "")
    for sentence in ["the disk is full", "no", String(repeating: "é", count: 9000)] {
      try notice.say(sentence)
      #expect(try sentence.hasPrefix(line(path).dropLast()) && line(path).isEmpty == false)
    }
    try notice.say(nil)
    #expect(try line(path) == "")
  }

  /// Neither a file is made nor one opened to say something.
  @Test func needsNothingButItsFile() throws {
    let folder = try TemporaryFolder()
    let notice = try NoticeFile(folder("notice"))
    let plan = FaultPlan()
    try Syscalls.$fileSystem.withValue(plan) { try notice.say("no descriptors") }
    #expect(plan.calls.map(\.operation) == ["rewind", "write", "truncate"])
    #expect(try line(folder("notice")) == "no descriptors")
  }
}
