/// One description of a value in JSON, from which it is read, written and documented.
///
/// Reading is strict: what is not described is an error that says what is. For every value,
/// `decode(encode(value)) == value`.
public struct JSONCodec<Value: Sendable>: Sendable {
  /// What is allowed, in words that complete "allowed is …".
  public let allowed: String
  /// The same as JSON Schema (draft 2020-12).
  public let schema: JSONObject
  private let read: @Sendable (JSONValue, JSONPath) throws(JSONContentError) -> Value
  private let write: @Sendable (Value) -> JSONValue

  /// A codec of one's own. `decode` throws errors whose paths begin with the one it is given.
  public init(
    allowed: String, schema: JSONObject,
    decode: @escaping @Sendable (JSONValue, JSONPath) throws(JSONContentError) -> Value,
    encode: @escaping @Sendable (Value) -> JSONValue
  ) {
    self.allowed = allowed
    self.schema = schema
    self.read = decode
    self.write = encode
  }

  /// A codec for values that a simple test recognises: `decode` is nil for what is not allowed.
  public init(
    allowed: String, schema: JSONObject,
    recognize: @escaping @Sendable (JSONValue) -> Value?,
    encode: @escaping @Sendable (Value) -> JSONValue
  ) {
    self.init(
      allowed: allowed, schema: schema,
      decode: { json, path throws(JSONContentError) in
        guard let value = recognize(json) else {
          throw JSONContentError(path, found: json, allowed: allowed)
        }
        return value
      },
      encode: encode)
  }

  /// Reads a value that stands at `path`.
  public func decode(
    _ json: JSONValue, at path: JSONPath = .root
  ) throws(JSONContentError) -> Value {
    try read(json, path)
  }

  /// Writes a value.
  public func encode(_ value: Value) -> JSONValue { write(value) }

  /// The same JSON for another type. `to` throws where a value is not allowed after all.
  public func map<Other: Sendable>(
    to: @escaping @Sendable (Value, JSONPath) throws(JSONContentError) -> Other,
    from: @escaping @Sendable (Other) -> Value
  ) -> JSONCodec<Other> {
    JSONCodec<Other>(
      allowed: allowed, schema: schema,
      decode: { json, path throws(JSONContentError) in try to(try read(json, path), path) },
      encode: { write(from($0)) })
  }
}

// MARK: - Plain values

extension JSONCodec<Bool> {
  /// `true` or `false`.
  public static let bool = JSONCodec(
    allowed: "true or false", schema: ["type": "boolean"],
    recognize: { $0.bool }, encode: { .bool($0) })
}

extension JSONCodec<Int> {
  /// An integer within bounds.
  public static func integer(_ range: ClosedRange<Int>) -> JSONCodec {
    JSONCodec(
      allowed: range.upperBound == .max
        ? "an integer ≥ \(range.lowerBound)"
        : "an integer from \(range.lowerBound) to \(range.upperBound)",
      schema: [
        "type": "integer", "minimum": .integer(range.lowerBound),
        "maximum": .integer(range.upperBound),
      ],
      recognize: { json in json.int.flatMap { range.contains($0) ? $0 : nil } },
      encode: { .integer($0) })
  }
}

extension JSONCodec<UInt64> {
  /// Any 64-bit unsigned integer.
  public static let uint64 = JSONCodec(
    allowed: "an integer from 0 to \(UInt64.max)",
    schema: ["type": "integer", "minimum": 0, "maximum": .integer(UInt64.max)],
    recognize: { $0.uint64 }, encode: { .integer($0) })
}

extension JSONCodec<Double> {
  /// A number within the bounds that are given.
  public static func number(
    above: Double? = nil, atLeast: Double? = nil, atMost: Double? = nil, below: Double? = nil
  ) -> JSONCodec {
    let bounds: [(words: String, keyword: String, bound: Double?)] = [
      (">", "exclusiveMinimum", above), ("≥", "minimum", atLeast),
      ("≤", "maximum", atMost), ("<", "exclusiveMaximum", below),
    ]
    var words: [String] = []
    var schema: JSONObject = ["type": "number"]
    for case (let word, let keyword, let bound?) in bounds {
      words.append("\(word) \(JSONValue.shortest(bound).serialized())")
      schema[keyword] = .shortest(bound)
    }
    return JSONCodec(
      allowed: words.isEmpty ? "a number" : "a number " + words.joined(separator: " and "),
      schema: schema,
      recognize: { json in
        guard let value = json.double, value > above ?? -.infinity, value >= atLeast ?? -.infinity,
          value <= atMost ?? .infinity, value < below ?? .infinity
        else { return nil }
        return value
      },
      encode: { .double($0) })
  }
}

extension JSONValue {
  /// A number without a fraction where it has none: bounds read better that way.
  fileprivate static func shortest(_ value: Double) -> JSONValue {
    Int64(exactly: value).map { .integer($0) } ?? .double(value)
  }
}

extension JSONCodec<String> {
  /// Any string.
  public static let string = JSONCodec(
    allowed: "a string", schema: ["type": "string"],
    recognize: { $0.string }, encode: { .string($0) })

  /// A string that `matches`; `pattern` is the same as a regular expression for the schema.
  public static func string(
    allowed: String, pattern: String, matches: @escaping @Sendable (String) -> Bool
  ) -> JSONCodec {
    JSONCodec(
      allowed: allowed, schema: ["type": "string", "pattern": .string(pattern)],
      recognize: { json in json.string.flatMap { matches($0) ? $0 : nil } },
      encode: { .string($0) })
  }
}

extension JSONCodec where Value: RawRepresentable<String> & CaseIterable {
  /// One of the names of the type's cases.
  public static var choice: JSONCodec { .choice(of: Array(Value.allCases), named: \.rawValue) }
}

extension JSONCodec {
  /// One of `values`, written by name.
  static func choice(
    of values: [Value], named name: @escaping @Sendable (Value) -> String
  ) -> JSONCodec {
    let names = values.map(name)
    let allowed = list(names)
    return JSONCodec(
      allowed: allowed, schema: ["enum": .array(names.map { .string($0) })],
      decode: { json, path throws(JSONContentError) in
        if let found = json.string {
          if let value = values.first(where: { name($0) == found }) { return value }
          if let near = nearest(to: found, among: names), names.count > 1 {
            throw JSONContentError(
              path, "found \(json.excerpt), allowed is \(allowed); did you mean \"\(near)\"?")
          }
        }
        throw JSONContentError(path, found: json, allowed: allowed)
      },
      encode: { .string(name($0)) })
  }
}

/// `"a", "b" or "c"`.
func list(_ names: [String], conjunction: String = "or") -> String {
  let quoted = names.map { JSONValue.string($0).serialized() }
  guard let last = quoted.last, quoted.count > 1 else { return quoted.first ?? "nothing" }
  return quoted.dropLast().joined(separator: ", ") + " \(conjunction) " + last
}

// MARK: - Composed values

extension JSONCodec {
  /// A value or `null`.
  public static func optional<Wrapped>(
    _ wrapped: JSONCodec<Wrapped>
  ) -> JSONCodec where Value == Wrapped? {
    let allowed = wrapped.allowed + ", or null"
    return JSONCodec(
      allowed: allowed, schema: ["anyOf": [.object(wrapped.schema), ["type": "null"]]],
      decode: { json, path throws(JSONContentError) in
        if json == .null { return nil }
        do throws(JSONContentError) {
          return try wrapped.decode(json, at: path)
        } catch {
          guard error.problems.allSatisfy({ $0.path == path }) else { throw error }
          throw JSONContentError(path, found: json, allowed: allowed)
        }
      },
      encode: { $0.map(wrapped.encode) ?? .null })
  }

  /// An array with an allowed number of elements; the problems of all elements are reported.
  public static func array<Element>(
    of element: JSONCodec<Element>, count: ClosedRange<Int>
  ) -> JSONCodec where Value == [Element] {
    let number =
      count.lowerBound == count.upperBound
      ? "\(count.lowerBound)"
      : "\(count.lowerBound) to \(count.upperBound)"
    let allowed = "an array of \(number) elements, each \(element.allowed)"
    return JSONCodec(
      allowed: allowed,
      schema: [
        "type": "array", "items": .object(element.schema),
        "minItems": .integer(count.lowerBound), "maxItems": .integer(count.upperBound),
      ],
      decode: { json, path throws(JSONContentError) in
        guard let elements = json.array else {
          throw JSONContentError(path, found: json, allowed: allowed)
        }
        guard count.contains(elements.count) else {
          throw JSONContentError(
            path, "found an array of \(elements.count) elements, allowed is \(allowed)")
        }
        var values: [Element] = []
        var problems: [JSONContentError.Problem] = []
        for (index, json) in elements.enumerated() {
          do throws(JSONContentError) {
            values.append(try element.decode(json, at: path.appending(index)))
          } catch {
            problems += error.problems
          }
        }
        if !problems.isEmpty { throw JSONContentError(problems) }
        return values
      },
      encode: { .array($0.map(element.encode)) })
  }
}
