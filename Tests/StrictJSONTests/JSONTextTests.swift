import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite struct JSONTextTests {
  @Test func whatIsWrittenReadsBackTheSame() throws {
    var random = SplitMix(seed: 1)
    for _ in 0..<500 {
      let value = JSONValue.random(depth: 4, using: &random)
      for pretty in [false, true] {
        let text = value.serialized(pretty: pretty)
        #expect(try JSONValue(parsing: text) == value, "\(text)")
      }
    }
  }

  @Test func pythonsInfinityIsReadOnlyWhereItIsAllowed() throws {
    let text = Array(#"{"a": -Infinity, "b": -1}"#.utf8)
    #expect(try JSONValue(parsing: text, allowingInfinity: true) == ["a": "-Infinity", "b": -1])
    #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect(throws: JSONError.self) {
      try JSONValue(parsing: Array("-Infinite".utf8), allowingInfinity: true)
    }
  }

  @Test func keysKeepTheirOrder() throws {
    let text = #"{"b": 1, "a": 2, "c": {"z": 0, "y": 1}}"#
    #expect(try JSONValue(parsing: text).serialized() == text)
  }

  @Test func prettyTextIsIndentedByTwoSpaces() throws {
    let value: JSONValue = ["a": [1, 2], "b": [["c": nil]], "d": [:], "e": []]
    #expect(
      value.serialized(pretty: true) == """
        {
          "a": [1, 2],
          "b": [
            {
              "c": null
            }
          ],
          "d": {},
          "e": []
        }
        """)
  }

  /// Foundation's reader as an oracle for what we write.
  @Test func foundationReadsTheSame() throws {
    var random = SplitMix(seed: 2)
    for _ in 0..<200 {
      let value = JSONValue.array([.random(depth: 3, using: &random)])
      let text = value.serialized()
      let theirs = try JSONSerialization.jsonObject(with: Data(text.utf8))
      #expect(value.matches(theirs), "\(text)")
    }
  }

  @Test(arguments: [
    ("0", 0.0), ("-0.5e+2", -50), ("1E400e", nil), ("1e-400", 0),
    ("2.2250738585072011e-308", Double.leastNormalMagnitude.nextDown),
    ("0.1", 0.1), ("123456789012345678901234567890.0", 1.2345678901234568e29), ("1e400", nil),
  ])
  func fractions(_ text: String, _ value: Double?) {
    #expect((try? JSONValue(parsing: text))?.double == value)
  }

  @Test func integersKeepEveryDigit() throws {
    for value in [Int64.min, -1, 0, 1 << 53 + 1, .max] {
      #expect(try JSONValue(parsing: "\(value)") == .integer(value))
    }
    let large = try JSONValue(parsing: "\(UInt64.max)")
    #expect(large.uint64 == .max)
    #expect(large.int == nil)
    #expect(throws: JSONError.self) { try JSONValue(parsing: "18446744073709551616") }
    #expect(try JSONValue(parsing: "64.0").int == 64)
    #expect(try JSONValue(parsing: "64.5").int == nil)
  }

  @Test func strings() throws {
    #expect(
      try JSONValue(parsing: #""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é😀""#)
        == "\"\\/\u{8}\u{C}\n\r\té😀é😀")
    #expect(
      JSONValue.string("\u{0}\u{1F}\n\"\\\u{7F}é").serialized() == #""\u0000\u001f\n\"\\\u007fé""#)
    // What is not seen is escaped as well, beyond 16 bits as a surrogate pair.
    let unseen = JSONValue.string("\u{9B}\u{202E}\u{E0001}")
    #expect(unseen.serialized() == #""\u009b\u202e\udb40\udc01""#)
    #expect(try JSONValue(parsing: unseen.serialized()) == unseen)
  }

  @Test func nanAndInfinityAreNull() {
    #expect(JSONValue.double(.nan) == nil)
    #expect(JSONValue.number(.double(.infinity)).serialized() == "null")
  }

  @Test func removedKeysAreGone() {
    var object: JSONObject = ["a": 1, "b": 2]
    object["a"] = nil
    object["c"] = nil
    object["b"] = 3
    #expect(object.keys == ["b"])
    #expect(object == ["b": 3])
  }
}

extension JSONValue {
  /// Whether Foundation read the same value.
  fileprivate func matches(_ other: Any) -> Bool {
    switch self {
    case .null: other is NSNull
    case .bool(let value): other as? Bool == value
    case .number(let value):
      // Foundation reads numbers through Decimal, which may cost the last bits.
      (other as? NSNumber).map { abs($0.doubleValue - value.double) <= abs(value.double) * 1e-14 }
        ?? false
    case .string(let value): (other as? String).map { Array($0.utf8) == Array(value.utf8) } ?? false
    case .array(let value):
      (other as? [Any]).map {
        $0.count == value.count && zip(value, $0).allSatisfy { $0.matches($1) }
      } ?? false
    case .object(let value):
      (other as? [String: Any]).map { other in
        other.count == value.keys.count
          && value.members.allSatisfy { key, value in other[key].map { value.matches($0) } ?? false
          }
      } ?? false
    }
  }
}
