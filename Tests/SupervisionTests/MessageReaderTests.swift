import Testing

@testable import Supervision

@Suite struct LineSplitterTests {
  /// However a stream is cut into portions, its lines are the same.
  @Test(arguments: 1...9)
  func linesDoNotDependOnHowTheyArrive(_ portion: Int) {
    let text = "first\n\nthird, longer than all\nlast\nrest"
    var splitter = LineSplitter(limit: 100)
    #expect(feed(&splitter, text, portion) == ["first", "", "third, longer than all", "last"])
    #expect(feed(&splitter, " of it\n", portion) == ["rest of it"])
  }

  @Test(arguments: 1...30)
  func aLineOverTheLimitIsLeftOutAlone(_ portion: Int) {
    var splitter = LineSplitter(limit: 4)
    #expect(
      feed(&splitter, "1234\n12345\n1\n1234567890123\n\n", portion) == ["1234", nil, "1", nil, ""])
  }

  @Test func anEndlessLineTakesNoMemory() {
    var splitter = LineSplitter(limit: 1000)
    for _ in 0..<1000 {
      #expect(splitter.feed(Array(repeating: 65, count: 1000)[...]).isEmpty)
    }
    #expect(splitter.feed(Array("\nnext\n".utf8)[...]) == [nil, "next"])
  }

  private func feed(_ splitter: inout LineSplitter, _ text: String, _ portion: Int) -> [String?] {
    let bytes = Array(text.utf8)
    return stride(from: 0, to: bytes.count, by: portion).flatMap {
      splitter.feed(bytes[$0..<min($0 + portion, bytes.count)])
    }
  }
}
