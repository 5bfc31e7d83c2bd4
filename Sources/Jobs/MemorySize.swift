import StrictJSON

/// An amount of memory in bytes, written as a number of them or as text: `"4 GiB"`.
public enum MemorySize {
  /// Reads `512 MiB`, `4GiB` and the like; nil for anything else.
  public static func bytes(_ text: String) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let rest = text.dropFirst(digits.count)
    let name = rest.first == " " ? rest.dropFirst() : rest
    guard let unit = units.first(where: { $0.name == name })?.bytes, let count = Int(digits),
      count <= range.upperBound / unit
    else { return nil }
    return range.contains(count * unit) ? count * unit : nil
  }

  /// As `bytes` reads it, in the largest unit that is exact; else in bytes, for people.
  public static func text(_ bytes: Int) -> String {
    let unit = units.last { bytes % $0.bytes == 0 }
    return unit.map { "\(bytes / $0.bytes) \($0.name)" } ?? "\(bytes) bytes"
  }

  /// Less than this no worker starts with.
  private static let range = (64 << 20)...(1 << 50)
  private static let units = [("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)]
    .map { (name: $0.0, bytes: $0.1) }

  static let codec = JSONCodec<Int>(
    allowed: "an amount of memory of at least 64 MiB, in bytes or as \"4 GiB\" in MiB, GiB or TiB",
    schema: [
      "anyOf": [
        [
          "type": "integer", "minimum": .integer(range.lowerBound),
          "maximum": .integer(range.upperBound),
        ],
        ["type": "string", "pattern": "^[0-9]{1,10} ?[MGT]iB$"],
      ]
    ],
    recognize: { json in
      if let text = json.string { return bytes(text) }
      return json.int.flatMap { range.contains($0) ? $0 : nil }
    },
    encode: { .integer($0) })
}
