// A strict reader of Prometheus' text format 0.0.4, written from its description and knowing nothing
// of the daemon: what it accepts, a scrape accepts.

/// The samples of a text: by name and labels in the order of their names, `a{b="c"}`.
struct PrometheusText {
  private(set) var samples: [String: Double] = [:]
  private(set) var types: [String: String] = [:]

  struct Wrong: Error, CustomStringConvertible { let description: String }

  /// Throws: for what is not of the format, and for what `promtool check metrics` objects to.
  init(_ text: String) throws {
    var helps: Set<String> = []
    var current = ""
    guard text.isEmpty || text.hasSuffix("\n") else { throw Wrong(description: "no last newline") }
    for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
      if let match = line.wholeMatch(of: /# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)/) {
        current = String(match.output.1)
        guard helps.insert(current).inserted else { throw Wrong(description: "again: \(line)") }
      } else if let match = line.wholeMatch(
        of: /# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|untyped)/)
      {
        let (name, type) = (String(match.output.1), String(match.output.2))
        guard name == current, types.updateValue(type, forKey: name) == nil,
          (type == "counter") == name.hasSuffix("_total")
        else { throw Wrong(description: "type: \(line)") }
      } else if let match = line.wholeMatch(
        of: /([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|[+-]Inf|[-+0-9.e]+)/)
      {
        guard match.output.1 == current, types[current] != nil else {
          throw Wrong(description: "not below its type: \(line)")
        }
        let labels = try Self.labels(match.output.2 ?? "")
        let id = labels.isEmpty ? current : "\(current){\(labels.joined(separator: ","))}"
        guard let value = Double(match.output.3), samples.updateValue(value, forKey: id) == nil
        else { throw Wrong(description: "value, or twice: \(line)") }
        if types[current] == "counter", value < 0 { throw Wrong(description: "negative: \(line)") }
      } else {
        throw Wrong(description: "no line of the format: \(line)")
      }
    }
  }

  private static func labels(_ text: Substring) throws -> [String] {
    var rest = text
    var labels: [String] = []
    while !rest.isEmpty {
      // In quotes stand escapes of backslash, quote and newline, and anything but those.
      guard
        let match = rest.prefixMatch(
          of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/)
      else { throw Wrong(description: "labels: \(text)") }
      labels.append("\(match.output.1)=\"\(match.output.2)\"")
      rest = rest[match.range.upperBound...]
    }
    guard text.last != "," else { throw Wrong(description: "labels: \(text)") }
    return labels.sorted()
  }
}
