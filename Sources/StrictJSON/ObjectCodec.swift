/// The description of a JSON object that stands for a `Root`: its keys, defaults and rules.
///
/// Decoding begins with the defaults (or a preset), reads the keys that are there, and reports
/// every problem at once: values that are not allowed, missing keys, unknown keys with the nearest
/// known one, and, when all keys are good by themselves, the rules between them.
public struct ObjectCodec<Root: Sendable>: Sendable {
  /// Adds a problem at a key of the object, or of an object in it: `unet.out_channels`.
  public typealias Report = (_ key: String, _ message: String) -> Void

  /// Nobody reads more, and what each may mean takes its time to find out.
  private static var unknownKeysNamed: Int { 20 }

  private let title: String
  private let defaults: Root
  private let fields: [Field<Root>]
  private let presets: [(name: String, value: Root)]
  private let rules: @Sendable (Root, Report) -> Void
  /// All keys that the object may have.
  let keys: [String]
  private let knownKeys: Set<String>

  /// - title: What the object is, for the schema.
  /// - defaults: The value of keys that are not given; what it holds for required keys is not used.
  /// - presets: Values that the key `preset` names; no other key is required then.
  /// - rules: Reports what the keys may not say together.
  public init(
    _ title: String, defaults: Root, fields: [Field<Root>],
    presets: [(name: String, value: Root)] = [],
    rules: @escaping @Sendable (Root, Report) -> Void = { _, _ in }
  ) {
    self.title = title
    self.defaults = defaults
    self.fields = fields
    self.presets = presets
    self.rules = rules
    keys = (presets.isEmpty ? [] : ["preset"]) + fields.map(\.key)
    knownKeys = Set(keys)
  }

  /// Reads the object that stands at `path`.
  public func decode(
    _ json: JSONValue, at path: JSONPath = .root
  ) throws(JSONContentError) -> Root {
    guard let object = json.object else {
      throw JSONContentError(path, found: json, allowed: allowed)
    }
    var problems: [JSONContentError.Problem] = []
    var root = defaults
    let preset = presets.isEmpty ? nil : object["preset"]

    if let preset {
      do {
        root = try presetCodec.decode(preset, at: path.appending("preset")).value
      } catch {
        problems += error.problems
      }
    }
    let strangers = object.keys.filter { !knownKeys.contains($0) }
    let unknownKeys = strangers.prefix(Self.unknownKeysNamed)
      .map { (key: $0, meant: nearest(to: $0, among: keys)) }
    for field in fields {
      do {
        if let value = object[field.key] {
          try field.decode(value, path.appending(field.key), &root)
        } else if field.isRequired, preset == nil,
          !(field.substitute.map { object[$0] != nil } ?? false),
          !unknownKeys.contains(where: { $0.meant == field.key })
        {
          problems.append(.init(path, missing(field)))
        }
      } catch {
        problems += error.problems
      }
    }
    problems += unknownKeys.map { unknown($0.key, meant: $0.meant, at: path) }
    if strangers.count > unknownKeys.count {
      problems.append(
        .init(path, "and \(strangers.count - unknownKeys.count) more keys that are unknown here"))
    }
    if problems.isEmpty {
      rules(root) { key, message in
        let place = key.split(separator: ".").reduce(path) { $0.appending(String($1)) }
        problems.append(.init(place, message))
      }
    }
    if !problems.isEmpty { throw JSONContentError(problems) }
    return root
  }

  /// Writes every key, also those at their default.
  public func encode(_ root: Root) -> JSONValue {
    .object(JSONObject(fields.compactMap { field in field.encode(root).map { (field.key, $0) } }))
  }

  /// The description as JSON Schema.
  public var schema: JSONObject {
    var properties = JSONObject()
    if !presets.isEmpty {
      properties["preset"] = .object(
        presetCodec.schema.adding("description", "The values that the other keys start from."))
    }
    for field in fields { properties[field.key] = .object(field.schema(defaults)) }
    var schema: JSONObject = [
      "title": .string(title), "type": "object", "properties": .object(properties),
      "additionalProperties": false,
    ]
    func keys(_ fields: [Field<Root>]) -> JSONValue { .array(fields.map { .string($0.key) }) }
    let required = fields.filter { $0.isRequired && $0.substitute == nil }
    let replaceable = fields.filter { $0.substitute != nil }
    if let substitute = replaceable.first?.substitute {
      precondition(
        presets.isEmpty && replaceable.allSatisfy { $0.substitute == substitute },
        "one alternative to required keys is enough")
      schema["anyOf"] = [
        ["required": [.string(substitute)]], ["required": keys(replaceable)],
      ]
    }
    if !presets.isEmpty, !required.isEmpty {
      schema["anyOf"] = [["required": ["preset"]], ["required": keys(required)]]
    } else if !required.isEmpty {
      schema["required"] = keys(required)
    }
    return schema
  }

  /// The object as a value among others.
  public var codec: JSONCodec<Root> {
    JSONCodec(
      allowed: allowed, schema: schema,
      decode: { json, path throws(JSONContentError) in try decode(json, at: path) },
      encode: { encode($0) })
  }

  /// What an object has at least, in words.
  private var allowed: String {
    if let preset = presets.first {
      return "an object, for example {\"preset\": \"\(preset.name)\"}"
    }
    let required = fields.filter(\.isRequired).map(\.key)
    return required.isEmpty ? "an object" : "an object with \(list(required, conjunction: "and"))"
  }

  private var presetCodec: JSONCodec<(name: String, value: Root)> {
    .choice(of: presets, named: { $0.name })
  }

  private func missing(_ field: Field<Root>) -> String {
    let preset = presets.isEmpty ? "" : ", or name a \"preset\""
    let substitute = field.substitute.map { ", or add \"\($0)\"" } ?? ""
    return "the key \"\(field.key)\" is missing: add \(field.allowed)\(preset)\(substitute)"
      + (field.whyRequired.map { "; \($0)" } ?? "")
  }

  private func unknown(
    _ key: String, meant: String?, at path: JSONPath
  ) -> JSONContentError.Problem {
    let found = "unknown key \(JSONValue.string(key).excerpt)"
    if let meant { return .init(path, "\(found); did you mean \"\(meant)\"?") }
    var problem = JSONContentError.Problem(path, "\(found); allowed here is \(list(keys))")
    problem.strangeKey = key
    return problem
  }
}

/// One key of a JSON object that stands for a `Root`.
public struct Field<Root: Sendable>: Sendable {
  let key: String
  let allowed: String
  let isRequired: Bool
  let whyRequired: String?
  /// A key whose presence makes this one, otherwise required, dispensable.
  private(set) var substitute: String?
  let schema: @Sendable (_ defaults: Root) -> JSONObject
  let decode: @Sendable (JSONValue, JSONPath, inout Root) throws(JSONContentError) -> Void
  let encode: @Sendable (Root) -> JSONValue?

  /// A key that holds the property at `property`.
  ///
  /// - documentation: One sentence for the schema.
  /// - whyRequired: Makes the key required; text that is not empty is added to the error.
  public init<Value>(
    _ key: String, _ property: any WritableKeyPath<Root, Value> & Sendable,
    _ codec: JSONCodec<Value>, required: Bool = false, whyRequired: String? = nil,
    _ documentation: String
  ) {
    self.key = key
    self.allowed = codec.allowed
    self.isRequired = required || whyRequired != nil
    self.whyRequired = whyRequired
    let isRequired = self.isRequired
    self.schema = { defaults in
      let schema = codec.schema.adding("description", .string(documentation))
      let value = codec.encode(defaults[keyPath: property])
      return isRequired || value.object != nil ? schema : schema.adding("default", value)
    }
    self.decode = { json, path, root throws(JSONContentError) in
      root[keyPath: property] = try codec.decode(json, at: path)
    }
    self.encode = { codec.encode($0[keyPath: property]) }
  }

  /// A key that is absent where the property is nil, for keys of which only one may be given.
  ///
  /// - requiredUnless: A key without which this one is required.
  public init<Value>(
    _ key: String, _ property: any WritableKeyPath<Root, Value?> & Sendable,
    omittingNil codec: JSONCodec<Value>, requiredUnless substitute: String? = nil,
    _ documentation: String
  ) {
    self.init(
      key: key, allowed: codec.allowed, isRequired: substitute != nil, whyRequired: nil,
      schema: { _ in codec.schema.adding("description", .string(documentation)) },
      decode: { json, path, root throws(JSONContentError) in
        root[keyPath: property] = try codec.decode(json, at: path)
      },
      encode: { $0[keyPath: property].map(codec.encode) })
    self.substitute = substitute
  }

  /// A key that is written only where the property is not `usual`, the default.
  public init<Value: Equatable & Sendable>(
    _ key: String, _ property: any WritableKeyPath<Root, Value> & Sendable, omitting usual: Value,
    _ codec: JSONCodec<Value>, _ documentation: String
  ) {
    let field = Field(key, property, codec, documentation)
    self.init(
      key: key, allowed: field.allowed, isRequired: false, whyRequired: nil, schema: field.schema,
      decode: field.decode,
      encode: { $0[keyPath: property] == usual ? nil : field.encode($0) })
  }

  /// A key whose value says nothing that is not known already: it is checked, and always written
  /// as `value`.
  ///
  /// - alternatives: Further values that mean the same.
  public static func constant(
    _ key: String, _ value: JSONValue, or alternatives: [JSONValue] = [], required: Bool = false,
    _ documentation: String
  ) -> Field {
    let values = [value] + alternatives
    let allowed = values.map { $0.serialized() }.joined(separator: " or ")
    return Field(
      key: key, allowed: allowed, isRequired: required, whyRequired: nil,
      schema: { _ in ["enum": .array(values), "description": .string(documentation)] },
      decode: { json, path, _ throws(JSONContentError) in
        guard
          values.contains(where: { $0 == json || ($0.double != nil && $0.double == json.double) })
        else {
          throw JSONContentError(
            path, "found \(json.excerpt), which is not supported; allowed is \(allowed)")
        }
      },
      encode: { _ in value })
  }

  /// A key that is accepted with one value, like `constant`, but never written.
  public static func tolerated(
    _ key: String, _ value: JSONValue, or alternatives: [JSONValue] = [], _ documentation: String
  ) -> Field {
    let constant = constant(key, value, or: alternatives, documentation)
    return Field(
      key: key, allowed: constant.allowed, isRequired: false, whyRequired: nil,
      schema: constant.schema, decode: constant.decode, encode: { _ in nil })
  }

  /// A key that may hold any value that means nothing here; written only if `value` is given.
  public static func ignored(
    _ key: String, writing value: JSONValue? = nil, _ documentation: String
  )
    -> Field
  {
    Field(
      key: key, allowed: "anything", isRequired: false, whyRequired: nil,
      schema: { _ in ["description": .string(documentation)] },
      decode: { _, _, _ throws(JSONContentError) in }, encode: { _ in value })
  }

  private init(
    key: String, allowed: String, isRequired: Bool, whyRequired: String?,
    schema: @escaping @Sendable (Root) -> JSONObject,
    decode: @escaping @Sendable (JSONValue, JSONPath, inout Root) throws(JSONContentError) -> Void,
    encode: @escaping @Sendable (Root) -> JSONValue?
  ) {
    self.key = key
    self.allowed = allowed
    self.isRequired = isRequired
    self.whyRequired = whyRequired
    self.schema = schema
    self.decode = decode
    self.encode = encode
  }
}

extension JSONObject {
  /// The object with one more member.
  func adding(_ key: String, _ value: JSONValue) -> JSONObject {
    var object = self
    object[key] = value
    return object
  }
}
