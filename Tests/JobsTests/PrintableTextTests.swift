import Jobs
import Testing

@Suite struct PrintableTextTests {
  /// Every character there is: it stays, or is written in visible ASCII.
  @Test func onlyWhatIsNotSeenIsEscaped() {
    let all = (UInt32(0)...0x10FFFF).compactMap(Unicode.Scalar.init)
    for scalar in all {
      let text = String(scalar)
      let isUnseen = [.control, .format, .lineSeparator, .paragraphSeparator].contains(
        scalar.properties.generalCategory)
      let shown = text.printable
      #expect((shown != text) == isUnseen, "\(scalar.value)")
      if isUnseen { #expect(shown.utf8.allSatisfy { (0x21...0x7E).contains($0) }) }
      #expect(text.printableLines == (scalar == "\n" ? text : shown))
    }
  }

  @Test func escapesAreThoseOfSwift() {
    let text = "é\u{1B}[31m\u{7F}\u{9B}\u{202E}\u{2028}\\n\"\r\nB\t"
    #expect(text.printable == #"é\u{1B}[31m\u{7F}\u{9B}\u{202E}\u{2028}\n"\r\nB\t"#)
    #expect(text.printableLines == #"é\u{1B}[31m\u{7F}\u{9B}\u{202E}\u{2028}\n"\r"# + "\nB\\t")
  }

  @Test func linesGoOnOne() {
    #expect("$.a: \u{1B}\n$.b: 3\n".inOneLine == #"$.a: \u{1B}; $.b: 3"#)
  }
}
