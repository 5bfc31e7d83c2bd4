import StrictJSON
import TestSupport
import Testing

@Suite struct JSONErrorTests {
  private static let text = """
    {"a": [1, -2.5e3, true, null, "x\\u00e9\\ud83d\\ude00\\né😀"],
     "b": {"c": {}, "d": [], "e": false}}
    """

  @Test func everyProperPrefixOfAnObjectIsIncomplete() throws {
    let bytes = Array(Self.text.utf8)
    _ = try JSONValue(parsing: bytes)
    for count in 0..<bytes.count {
      let error = #expect(throws: JSONError.self) { try JSONValue(parsing: Array(bytes[..<count])) }
      #expect(error?.isIncomplete == true, "\(count) bytes: \(String(describing: error))")
    }
  }

  @Test func anythingAfterTheEndIsMalformed() throws {
    for byte: UInt8 in 0...255 where ![0x20, 0x0A, 0x0D, 0x09].contains(byte) {
      let error = #expect(throws: JSONError.self) {
        try JSONValue(parsing: Array(Self.text.utf8) + [byte])
      }
      #expect(error?.isIncomplete == false)
    }
  }

  @Test(arguments: [
    #"{"a": 1,}"#, #"{"a": 1 "b": 2}"#, #"{"a" 1}"#, #"{a: 1}"#, #"{'a': 1}"#, "[1,]", "[,1]",
    "[1 2]",
    "01", "-01", "+1", ".5", "1.", "1.e5", "0x10", "1e", "--1", "NaN", "Infinity", "tru3", "nul1",
    "[1}", "{]", "}", #""\x""#, #""\u12g4""#, #""\ud83d""#, #""\ude00""#, #""\ud83dx""#,
    #""\ud83d\n""#, #""\ud83d\u0041""#, "\"\u{1}\"", "\"a\nb\"", "// comment\n{}", "{} {}",
    "\u{FEFF}{}", "\u{A0}{}", #"{"a": 1, "a": 2}"#, #"{"a": 1, "\u0061": 2}"#,
  ])
  func isMalformed(_ text: String) {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    // What only lacks more digits is told from what is wrong already.
    #expect(error?.isIncomplete == ["1.", "1e"].contains(text), "\(String(describing: error))")
  }

  @Test(
    arguments: [
      [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
      [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF],
    ] as [[UInt8]])
  func bytesThatAreNotUTF8(_ bytes: [UInt8]) {
    let quote = UInt8(ascii: "\"")
    let error = #expect(throws: JSONError.self) {
      try JSONValue(parsing: [quote] + bytes + [quote])
    }
    #expect(error?.isIncomplete == false)
    #expect(String(decoding: bytes, as: UTF8.self).contains("\u{FFFD}"))
  }

  @Test func nestingIsLimited() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    _ = try JSONValue(parsing: nested(JSONValue.maximumDepth))
    let error = #expect(throws: JSONError.self) {
      try JSONValue(parsing: nested(JSONValue.maximumDepth + 1))
    }
    #expect(error?.isIncomplete == false)
    // Siblings do not add up.
    _ = try JSONValue(parsing: "[" + String(repeating: "[{}],", count: 1000) + "1]")
    #expect(throws: JSONError.self) {
      try JSONValue(parsing: String(repeating: "[", count: 1 << 20))
    }
  }

  @Test(arguments: ["", " \n\t"]) func anEmptyFileIsCalledEmpty(_ text: String) {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect(error?.problem == "the file is empty")
  }

  @Test func errorsSayWhere() {
    let error = #expect(throws: JSONError.self) {
      try JSONValue(parsing: "{\n  \"é\": 1,\n  \"é😀\": tru,\n}")
    }
    #expect(error?.description == "line 3, column 12: ',' where 'true' is expected")
    let duplicate = #expect(throws: JSONError.self) { try JSONValue(parsing: #"{"a": 1, "a": 2}"#) }
    #expect(duplicate?.description == #"line 1, column 10: the key "a" is given twice"#)
    // Whatever a key holds, an error is a line.
    for rest in [#": 1, "\n\u001b": 2}"#, ": x}", " 3}", ":", ""] {
      let text = #"{"\n\u001b""# + rest
      let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
      #expect(error?.description.contains(#"the key "\n\u001b""#) == true || rest.first == ":")
      #expect(error?.description.contains { $0.isNewline || $0 == "\u{1B}" } == false)
    }
  }

  /// Any bytes give a value or an error whose place is inside the text.
  @Test func damagedTextNeverTraps() {
    var random = SplitMix(seed: 3)
    let original = Array(Self.text.utf8)
    for _ in 0..<3000 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.remove(at: index)
        default:
          bytes.insert(original[Int.random(in: 0..<original.count, using: &random)], at: index)
        }
      }
      do throws(JSONError) {
        _ = try JSONValue(parsing: bytes)
      } catch {
        #expect(error.line >= 1 && error.line <= 3)
        #expect(error.column >= 1 && error.column <= bytes.count + 1)
      }
    }
  }

  @Test func oneMebibyteOfKeysIsReadInLinearTime() throws {
    let members = (0..<60_000).map { "\"key\($0)\": 0" }.joined(separator: ",")
    #expect(try JSONValue(parsing: "{\(members)}").object?.keys.count == 60_000)
  }
}
