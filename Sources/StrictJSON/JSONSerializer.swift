extension JSONValue {
  /// The value as JSON text; `init(parsing:)` reads the same value back.
  ///
  /// - pretty: Two spaces a level, and short arrays of plain values on one line; otherwise
  ///   everything on one line.
  public func serialized(pretty: Bool = false) -> String {
    var text = ""
    write(to: &text, indent: pretty ? 0 : nil)
    return text
  }

  /// - indent: The depth of the lines, nil to stay on one line.
  private func write(to text: inout String, indent: Int?) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .number(.integer(let value)): text += "\(value)"
    case .number(.unsigned(let value)): text += "\(value)"
    case .number(.double(let value)): text += value.isFinite ? "\(value)" : "null"
    case .string(let value): JSONValue.write(value, to: &text)
    case .array(let elements):
      let indent = elements.allSatisfy(\.isPlain) ? nil : indent
      JSONValue.write("[", elements, "]", to: &text, indent: indent) { element, text, indent in
        element.write(to: &text, indent: indent)
      }
    case .object(let object):
      JSONValue.write("{", object.members, "}", to: &text, indent: indent) { member, text, indent in
        JSONValue.write(member.key, to: &text)
        text += ": "
        member.value.write(to: &text, indent: indent)
      }
    }
  }

  /// Whether the value is neither an array nor an object.
  private var isPlain: Bool {
    switch self {
    case .array, .object: false
    default: true
    }
  }

  private static func write<Item>(
    _ open: String, _ items: [Item], _ close: String, to text: inout String, indent: Int?,
    item: (Item, inout String, Int?) -> Void
  ) {
    text += open
    for (index, element) in items.enumerated() {
      if index > 0 { text += indent == nil ? ", " : "," }
      if let indent { text += "\n" + String(repeating: "  ", count: indent + 1) }
      item(element, &text, indent.map { $0 + 1 })
    }
    if let indent, !items.isEmpty { text += "\n" + String(repeating: "  ", count: indent) }
    text += close
  }

  private static func write(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\t": text += "\\t"
      case _ where !scalar.isUnseen: text.unicodeScalars.append(scalar)
      default:
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
      }
    }
    text += "\""
  }
}

extension Unicode.Scalar {
  /// Whether it steers how text is shown and is not seen itself, as control characters, line ends and
  /// the bidirectional formats do; what is written of others is shown on terminals, too.
  public var isUnseen: Bool {
    // Nearly all text is of these, and the table is slow.
    if (" "..."~").contains(self) { return false }
    return switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}
