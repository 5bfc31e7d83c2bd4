// Reads JSON text strictly by RFC 8259: a recursive descent over bytes, no Foundation.
//
// Beyond the grammar it refuses what makes a file mean different things to different readers:
// duplicate keys, invalid UTF-8, lone surrogates, a byte order mark, integers that no 64-bit type
// holds, and nesting deeper than `JSONValue.maximumDepth`. Work is linear in the text's length.

extension JSONValue {
  /// Containers may be nested this deep.
  public static let maximumDepth = 64

  /// Reads the whole of `bytes` as one JSON value, with nothing but white space around it.
  ///
  /// Throws: `JSONError` for the first byte that is wrong, or for the end that comes too early.
  ///
  /// - allowingInfinity: reads `-Infinity`, which is no JSON but what Python's `json` writes for −∞,
  ///   as the string "-Infinity".
  public init(parsing bytes: [UInt8], allowingInfinity: Bool = false) throws(JSONError) {
    var parser = JSONParser(bytes: bytes, allowsInfinity: allowingInfinity)
    self = try parser.parse()
  }

  /// Reads the whole of `text` as one JSON value.
  public init(parsing text: String) throws(JSONError) {
    try self.init(parsing: Array(text.utf8))
  }
}

private struct JSONParser {
  let bytes: [UInt8]
  let allowsInfinity: Bool
  var position = 0
  var depth = 0

  mutating func parse() throws(JSONError) -> JSONValue {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
      throw malformed("a byte order mark; save the file as UTF-8 without one")
    }
    skipWhitespace()
    if position == bytes.count {
      throw error("the file is empty", at: position, isIncomplete: true)
    }
    let value = try value("a JSON value")
    skipWhitespace()
    guard position == bytes.count else {
      throw malformed("\(found) after the end of the JSON value; only one value is allowed")
    }
    return value
  }

  // MARK: Values

  mutating func value(_ expected: @autoclosure () -> String) throws(JSONError) -> JSONValue {
    switch try peek(expected()) {
    case UInt8(ascii: "{"): return .object(try object())
    case UInt8(ascii: "["): return .array(try array())
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-") where allowsInfinity && bytes[position...].starts(with: "-I".utf8):
      return try word("-Infinity", .string("-Infinity"))
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
    default: throw malformed("\(found) where \(expected()) is expected")
    }
  }

  mutating func object() throws(JSONError) -> JSONObject {
    try descend()
    var object = JSONObject()
    if try accept("}", else: "a key in double quotes or '}'") { return object }
    repeat {
      skipWhitespace()
      guard try peek("a key in double quotes") == UInt8(ascii: "\"") else {
        throw malformed("\(found) where a key in double quotes is expected")
      }
      let start = position
      let key = try string()
      guard object[key] == nil else {
        position = start
        throw malformed("the key \(JSONValue.string(key).excerpt) is given twice")
      }
      // It may hold anything, and is then written as JSON does.
      var name: String { JSONValue.string(key).excerpt }
      guard try accept(":", else: "':' after the key \(name)") else {
        throw malformed("\(found) where ':' after the key \(name) is expected")
      }
      skipWhitespace()
      object[key] = try value("the value of \(name)")
    } while try another(before: "}")
    return object
  }

  mutating func array() throws(JSONError) -> [JSONValue] {
    try descend()
    var array: [JSONValue] = []
    if try accept("]", else: "a value or ']'") { return array }
    repeat {
      skipWhitespace()
      array.append(try value("a value"))
    } while try another(before: "]")
    return array
  }

  /// Steps over the opening bracket of a container.
  mutating func descend() throws(JSONError) {
    guard depth < JSONValue.maximumDepth else {
      throw malformed("nested deeper than \(JSONValue.maximumDepth) levels")
    }
    depth += 1
    position += 1
  }

  /// Steps over white space and, if it comes next, `character`; a bracket ends its container.
  mutating func accept(
    _ character: Character, else expected: @autoclosure () -> String
  ) throws(JSONError) -> Bool {
    skipWhitespace()
    guard try peek(expected()) == character.asciiValue else { return false }
    position += 1
    if character != ":" { depth -= 1 }
    return true
  }

  /// After a member or element: whether a comma announces another one, or the container ends.
  mutating func another(before end: Character) throws(JSONError) -> Bool {
    if try accept(end, else: "',' or '\(end)'") { return false }
    guard bytes[position] == UInt8(ascii: ",") else {
      throw malformed("\(found) where ',' or '\(end)' is expected")
    }
    position += 1
    skipWhitespace()
    if try peek("another item") == end.asciiValue {
      throw malformed("'\(end)' after a comma; JSON allows no comma after the last item")
    }
    return true
  }

  mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for expected in "\(word)".utf8 {
      guard try peek("'\(word)'") == expected else {
        throw malformed("\(found) where '\(word)' is expected")
      }
      position += 1
    }
    return value
  }

  // MARK: Numbers

  mutating func number() throws(JSONError) -> JSONNumber {
    let start = position
    var isInteger = true
    _ = skip("-")
    let leadingZero = try peek("a digit") == UInt8(ascii: "0")
    try digits()
    if leadingZero, position - start - (bytes[start] == UInt8(ascii: "-") ? 1 : 0) > 1 {
      position = start
      throw malformed("a number with a leading zero")
    }
    if skip(".") {
      isInteger = false
      try digits()
    }
    if skip("e") || skip("E") {
      isInteger = false
      _ = skip("+") || skip("-")
      try digits()
    }
    // Inside a container a number that the text ends with may have lost digits.
    if depth > 0 { _ = try peek("',' or the end of the container") }

    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger {
      if let value = Int64(text) { return .integer(value) }
      if let value = UInt64(text) { return .unsigned(value) }
      position = start
      throw malformed("the integer \(text.prefix(40)) does not fit in 64 bits")
    }
    guard let value = Double(text), value.isFinite else {
      position = start
      throw malformed("the number \(text.prefix(40)) is out of range")
    }
    return .double(value)
  }

  mutating func digits() throws(JSONError) {
    guard isDigit(try peek("a digit")) else {
      throw malformed("\(found) where a digit is expected")
    }
    while position < bytes.count, isDigit(bytes[position]) { position += 1 }
  }

  func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  mutating func skip(_ character: Character) -> Bool {
    guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
    position += 1
    return true
  }

  // MARK: Strings

  mutating func string() throws(JSONError) -> String {
    position += 1
    var text: [UInt8] = []
    while true {
      let byte = try peek("the end of a string")
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"):
        text.append(contentsOf: Array(String(try escape()).utf8))
      case 0..<0x20:
        throw malformed("\(found) inside a string; write it as an escape such as \\n or \\u0009")
      case 0..<0x80:
        text.append(byte)
        position += 1
      default:
        let length = try multibyteLength()
        text.append(contentsOf: bytes[position..<position + length])
        position += length
      }
    }
  }

  mutating func escape() throws(JSONError) -> Unicode.Scalar {
    let start = position
    position += 1
    let byte = try peek("an escape sequence")
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default:
      position = start
      throw malformed("an unknown escape sequence in a string")
    }
    let first = try hexadecimal()
    if let scalar = Unicode.Scalar(first) { return scalar }
    // A surrogate: the first of a pair is followed by the second.
    if first < 0xDC00, try peek("a surrogate pair") == UInt8(ascii: "\\") {
      position += 1
      if try peek("a surrogate pair") == UInt8(ascii: "u") {
        position += 1
        let second = try hexadecimal()
        let low10 = (first: UInt32(first & 0x3FF), second: UInt32(second & 0x3FF))
        if (0xDC00...0xDFFF).contains(second),
          let scalar = Unicode.Scalar(0x10000 + low10.first << 10 + low10.second)
        {
          return scalar
        }
      }
    }
    position = start
    throw malformed("half of a surrogate pair in a string")
  }

  mutating func hexadecimal() throws(JSONError) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      let byte = try peek("four hexadecimal digits")
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw malformed("\(found) where one of four hexadecimal digits is expected")
      }
      value = value << 4 | UInt16(digit)
      position += 1
    }
    return value
  }

  /// The length of the well-formed UTF-8 sequence at `position` (Unicode, table 3-7).
  func multibyteLength() throws(JSONError) -> Int {
    let second: ClosedRange<UInt8>
    let length: Int
    switch bytes[position] {
    case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xE1...0xEC, 0xEE...0xEF: (length, second) = (3, 0x80...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: throw malformed("bytes that are not UTF-8 inside a string")
    }
    for offset in 1..<length {
      guard position + offset < bytes.count else {
        throw error("the file ends inside a character", at: bytes.count, isIncomplete: true)
      }
      guard (offset == 1 ? second : 0x80...0xBF).contains(bytes[position + offset]) else {
        throw malformed("bytes that are not UTF-8 inside a string")
      }
    }
    return length
  }

  // MARK: The input and its errors

  mutating func skipWhitespace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  /// The next byte; the end of the text is an error here.
  func peek(_ expected: @autoclosure () -> String) throws(JSONError) -> UInt8 {
    guard position < bytes.count else {
      throw error("the text ends where \(expected()) is expected", at: position, isIncomplete: true)
    }
    return bytes[position]
  }

  /// The next byte in words.
  var found: String {
    switch bytes[position] {
    case UInt8(ascii: "'"): "a single quote"
    case 0x21...0x7E: "'\(Character(Unicode.Scalar(bytes[position])))'"
    case 0x80...: "a character beyond ASCII"
    case let byte: "the control character \(byte)"
    }
  }

  func malformed(_ problem: String) -> JSONError {
    error(problem, at: position, isIncomplete: false)
  }

  func error(_ problem: String, at offset: Int, isIncomplete: Bool) -> JSONError {
    let before = bytes[..<offset]
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    return JSONError(
      line: before.count { $0 == UInt8(ascii: "\n") } + 1,
      column: before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1,
      problem: problem, isIncomplete: isIncomplete)
  }
}
