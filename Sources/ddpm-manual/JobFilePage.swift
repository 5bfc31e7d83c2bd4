// The keys of job files for their manual page, from the JSON Schema of these.

import StrictJSON

struct JobFilePage {
  private let kinds: [JSONValue]

  init(_ schema: JSONValue) { kinds = schema["oneOf"]?.array ?? [] }

  /// Lists of keys: those of all jobs, then those of each kind.
  var text: String {
    let common = Set(
      (kinds.first?.members ?? []).filter { key, schema in
        kinds.allSatisfy { $0["properties"]?[key] == schema }
      }.map(\.key) + ["kind"])
    let names = kinds.compactMap { $0["properties"]?["kind"]?["enum"]?.array?.first }
    var parts = [
      section("Keys of every job", kinds.first ?? nil) { common.contains($0) && $0 != "kind" }
    ]
    for (kind, name) in zip(kinds, names) {
      let title = "\(kind["title"]?.string ?? ""): kind \(name.serialized())"
      parts.append(section(title, kind) { !common.contains($0) })
    }
    return parts.joined(separator: "\n")
  }

  private func section(
    _ title: String, _ schema: JSONValue, where isShown: (String) -> Bool
  ) -> String {
    let keys = schema.members.filter { isShown($0.key) }
    return ".Ss \(argument(title))\n" + list(keys, required: schema.required, below: "")
  }

  /// - path: Of the object that the keys are in, with a dot behind it; empty for the job itself.
  private func list(
    _ keys: [(key: String, value: JSONValue)], required: Set<String>, below path: String
  ) -> String {
    let items = keys.map { key, schema in
      item(path + key, schema, isRequired: required.contains(key))
    }
    return ".Bl -tag -width Ds\n\(items.joined(separator: "\n"))\n.El"
  }

  private func item(_ path: String, _ schema: JSONValue, isRequired: Bool) -> String {
    let values = words(schema)
    let facts = [
      schema["description"]?.string, values.isEmpty ? nil : "Allowed: \(values).",
      isRequired ? "Required." : schema["default"].map { "Default: \($0.serialized())." },
    ].compactMap { $0 }
    var text = ".It Cm \(argument(path))\n\(mdoc(facts.joined(separator: " ")))"
    let element = schema["items"] ?? nil
    for (object, inner) in [(schema, path), (element, path + "[]")] where !object.members.isEmpty {
      text += "\n" + list(object.members, required: object.required, below: inner + ".")
    }
    for variant in schema["oneOf"]?.array ?? [] {
      let type = variant["properties"]?["type"]?["enum"]?.array?.first?.serialized() ?? ""
      let keys = variant.members.filter { $0.key != "type" }
      text += "\n.Pp\n" + mdoc("\(variant["title"]?.string ?? ""): type \(type).")
      if !keys.isEmpty {
        text += "\n" + list(keys, required: variant.required, below: path + ".")
      }
    }
    return text
  }

  /// The values that a schema allows, in words; empty where its keys or variants say it.
  private func words(_ schema: JSONValue) -> String {
    if let values = schema["enum"]?.array {
      return values.map { $0.serialized() }.joined(separator: ", ")
    }
    if let schemas = schema["anyOf"]?.array, schema["properties"] == nil {
      return schemas.map(words).joined(separator: ", or ")
    }
    switch schema["type"]?.string {
    case "integer": return "an integer" + range(schema)
    case "number": return "a number" + range(schema)
    case "boolean": return "true or false"
    case "null": return "null"
    case "string": return schema["pattern"] == "^/" ? "a path" : "a string"
    case "array":
      let element = words(schema["items"] ?? nil)
      return "an array" + (element.isEmpty ? "" : ", each element \(element)")
    default: return ""
    }
  }

  private func range(_ schema: JSONValue) -> String {
    // Of no concern are the ends of what integers can be.
    func limit(_ key: String) -> String? {
      schema[key].flatMap { abs($0.double ?? 0) < 0x1p53 ? $0.serialized() : nil }
    }
    if let least = limit("minimum"), let most = limit("maximum") {
      return " from \(least) to \(most)"
    }
    let limits = [
      ("minimum", "of at least"), ("exclusiveMinimum", "above"), ("maximum", "of at most"),
      ("exclusiveMaximum", "below"),
    ].compactMap { key, word in limit(key).map { "\(word) \($0)" } }
    return limits.isEmpty ? "" : " " + limits.joined(separator: " and ")
  }
}

extension JSONValue {
  /// The schemas of an object's keys.
  fileprivate var members: [(key: String, value: JSONValue)] {
    (self["properties"]?.object?.members ?? []).map { ($0.key, $0.value) }
  }

  fileprivate var required: Set<String> {
    Set((self["required"]?.array ?? []).compactMap(\.string))
  }
}
