import StrictJSON

/// The part of JSON Schema that our schemas use, read by its own rules: a schema that says
/// something else than the decoder is found out by comparing the two.
func conforms(_ json: JSONValue, to schema: JSONValue) -> Bool {
  for (keyword, rule) in schema.object?.members ?? [] {
    let holds: Bool
    switch keyword {
    case "type": holds = isType(json, rule.string ?? "")
    case "enum":
      holds = (rule.array ?? []).contains {
        $0 == json || ($0.double != nil && $0.double == json.double)
      }
    case "minimum": holds = json.double.map { $0 >= rule.double ?? .nan } ?? true
    case "maximum": holds = json.double.map { $0 <= rule.double ?? .nan } ?? true
    case "exclusiveMinimum": holds = json.double.map { $0 > rule.double ?? .nan } ?? true
    case "exclusiveMaximum": holds = json.double.map { $0 < rule.double ?? .nan } ?? true
    case "pattern":
      holds =
        json.string.map { text in
          guard let regex = try? Regex(rule.string ?? "(") else { return false }
          return text.contains(regex)
        } ?? true
    case "items": holds = (json.array ?? []).allSatisfy { conforms($0, to: rule) }
    case "minItems": holds = json.array.map { $0.count >= rule.int ?? .max } ?? true
    case "maxItems": holds = json.array.map { $0.count <= rule.int ?? 0 } ?? true
    case "required":
      holds =
        json.object.map { object in
          (rule.array ?? []).allSatisfy { $0.string.map { object[$0] != nil } ?? false }
        } ?? true
    case "properties":
      holds = (rule.object?.members ?? []).allSatisfy { key, rule in
        json[key].map { conforms($0, to: rule) } ?? true
      }
    case "minProperties": holds = json.object.map { $0.keys.count >= rule.int ?? .max } ?? true
    case "additionalProperties":
      holds = (json.object?.members ?? []).allSatisfy { key, value in
        schema["properties"]?[key] != nil || rule != false && conforms(value, to: rule)
      }
    case "anyOf": holds = (rule.array ?? []).contains { conforms(json, to: $0) }
    case "oneOf": holds = (rule.array ?? []).count { conforms(json, to: $0) } == 1
    case "$schema", "title", "description", "default": holds = true
    default: holds = false
    }
    if !holds { return false }
  }
  return schema.object != nil
}

private func isType(_ json: JSONValue, _ type: String) -> Bool {
  switch (type, json) {
  case ("null", .null), ("boolean", .bool), ("number", .number), ("string", .string),
    ("array", .array), ("object", .object):
    true
  case ("integer", .number(let number)): number.double == number.double.rounded()
  default: false
  }
}
