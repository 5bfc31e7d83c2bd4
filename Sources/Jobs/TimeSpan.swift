import StrictJSON

/// A length of time in whole seconds, written as a number of them or as text: `"2h30m"`.
public enum TimeSpan {
  /// Reads `1d12h`, `90m`, `45s` and the like: each unit at most once, the larger before the
  /// smaller; nil for anything else.
  public static func seconds(_ text: String) -> Int? {
    var rest = text[...]
    var seconds = 0
    for (unit, length) in units {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard rest.dropFirst(digits.count).first == unit else { continue }
      guard let count = Int(digits), count <= longest / length else { return nil }
      seconds += count * length
      rest = rest.dropFirst(digits.count + 1)
    }
    return rest.isEmpty && (1...longest).contains(seconds) ? seconds : nil
  }

  /// `2 h 30 min`, for people.
  public static func words(seconds: Int) -> String {
    var rest = max(seconds, 0)
    var words: [String] = []
    for ((_, length), name) in zip(units, ["d", "h", "min", "s"]) where rest >= length {
      words.append("\(rest / length) \(name)")
      rest %= length
    }
    return words.isEmpty ? "0 s" : words.joined(separator: " ")
  }

  private static let units: [(Character, Int)] = [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)]
  /// Some thirty years.
  private static let longest = 1_000_000_000

  static let codec = JSONCodec<Int>(
    allowed: "a time in seconds, or as \"2h30m\" in d, h, m and s",
    schema: [
      "anyOf": [
        ["type": "integer", "minimum": 1, "maximum": .integer(longest)],
        [
          "type": "string",
          "pattern": "^(?=.*[1-9])([0-9]{1,4}d)?([0-9]{1,5}h)?([0-9]{1,7}m)?([0-9]{1,9}s)?$",
        ],
      ]
    ],
    recognize: { json in
      if let text = json.string { return seconds(text) }
      return json.int.flatMap { (1...longest).contains($0) ? $0 : nil }
    },
    encode: { .integer($0) })
}
