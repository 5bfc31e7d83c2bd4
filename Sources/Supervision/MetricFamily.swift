// The text format of Prometheus, version 0.0.4: what a scrape gets, and node-exporter's textfile
// collector reads.

/// A metric: its samples have one name, one meaning, and differ in their labels.
struct MetricFamily {
  /// What the samples are.
  enum Kind: String {
    /// Falls only when the daemon starts anew.
    case counter
    case gauge
  }

  let name: String
  let kind: Kind
  /// One sentence.
  let help: String
  var samples: [(labels: [(name: String, value: String)], value: Double)]

  init(
    _ name: String, _ kind: Kind, _ help: String,
    _ samples: [(labels: [(name: String, value: String)], value: Double)]
  ) {
    self.name = name
    self.kind = kind
    self.help = help
    self.samples = samples
  }

  /// A metric of one sample; without any where `value` is nil.
  init(_ name: String, _ kind: Kind, _ help: String, _ value: Double?) {
    self.init(name, kind, help, value.map { [([], $0)] } ?? [])
  }

  /// In the text format; nothing where there are no samples.
  var text: String {
    if samples.isEmpty { return "" }
    let head = "# HELP \(name) \(Self.escaped(help))\n# TYPE \(name) \(kind.rawValue)\n"
    return samples.reduce(into: head) { text, sample in
      let labels = sample.labels.map { "\($0.name)=\"\(Self.escaped($0.value, quoted: true))\"" }
      text += name
      if !labels.isEmpty { text += "{\(labels.joined(separator: ","))}" }
      text += " \(Self.number(sample.value))\n"
    }
  }

  private static func escaped(_ text: String, quoted: Bool = false) -> String {
    text.unicodeScalars.reduce(into: "") { result, scalar in
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quoted: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    return Int(exactly: value).map { "\($0)" } ?? "\(value)"
  }
}
