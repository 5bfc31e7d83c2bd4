/// A JSON value (RFC 8259), numbers kept exactly.
///
/// Integers within Int64 and UInt64 keep every digit; other numbers are the nearest Double, which
/// `serialized` writes so that it reads back to the same bits.
public enum JSONValue: Equatable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// Any number; see `JSONNumber`.
  case number(JSONNumber)
  /// A string of Unicode scalars.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object; its keys are unique and keep their order.
  case object(JSONObject)

  /// The member `key` of an object; nil for anything else.
  public subscript(key: String) -> JSONValue? { object?[key] }

  /// The value if it is a boolean.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// The value if it is a string.
  public var string: String? { if case .string(let value) = self { value } else { nil } }

  /// The elements if it is an array.
  public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

  /// The members if it is an object.
  public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }

  /// The value if it is a number that an Int holds exactly; `64.0` is 64.
  public var int: Int? {
    if case .number(let value) = self { value.exactly(Int.self) } else { nil }
  }

  /// The value if it is a number that a UInt64 holds exactly.
  public var uint64: UInt64? {
    if case .number(let value) = self { value.exactly(UInt64.self) } else { nil }
  }

  /// The value if it is a number.
  public var double: Double? { if case .number(let value) = self { value.double } else { nil } }
}

/// A number as it was written: an integer, or a finite fraction.
public enum JSONNumber: Equatable, Sendable {
  /// An integer within Int64.
  case integer(Int64)
  /// An integer above Int64's range and within UInt64.
  case unsigned(UInt64)
  /// A number with a fraction or an exponent.
  case double(Double)

  /// The nearest Double.
  public var double: Double {
    switch self {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .double(let value): value
    }
  }

  /// The number as an `Integer`, or nil where that would change it.
  public func exactly<Integer: FixedWidthInteger>(_: Integer.Type) -> Integer? {
    switch self {
    case .integer(let value): Integer(exactly: value)
    case .unsigned(let value): Integer(exactly: value)
    case .double(let value): Integer(exactly: value)
    }
  }
}

/// The members of a JSON object: unique keys, in the order in which they were first set.
///
/// Two objects with the same members in another order are equal. Keys that Unicode calls
/// canonically equivalent are one key.
public struct JSONObject: Equatable, Sendable {
  /// The keys, in order.
  public private(set) var keys: [String] = []
  private var values: [String: JSONValue] = [:]

  /// An object without members.
  public init() {}

  /// The value of `key`. Setting nil removes the member.
  public subscript(key: String) -> JSONValue? {
    get { values[key] }
    set {
      if values.updateOrRemove(newValue, forKey: key) == nil {
        if newValue != nil { keys.append(key) }
      } else if newValue == nil {
        keys.removeAll { $0 == key }
      }
    }
  }

  /// The members, in order.
  public var members: [(key: String, value: JSONValue)] {
    keys.map { ($0, values[$0] ?? .null) }
  }

  /// Same members, in any order.
  public static func == (a: JSONObject, b: JSONObject) -> Bool { a.values == b.values }
}

extension Dictionary {
  /// Sets or removes a value and returns the one before.
  fileprivate mutating func updateOrRemove(_ value: Value?, forKey key: Key) -> Value? {
    if let value { updateValue(value, forKey: key) } else { removeValue(forKey: key) }
  }
}

// MARK: - Building values

extension JSONValue {
  /// An integer.
  public static func integer(_ value: some FixedWidthInteger) -> JSONValue {
    if let value = Int64(exactly: value) { return .number(.integer(value)) }
    if let value = UInt64(exactly: value) { return .number(.unsigned(value)) }
    preconditionFailure("JSON integers have at most 64 bits")
  }

  /// A fraction; JSON has no NaN and no infinity, so those become `null`.
  public static func double(_ value: Double) -> JSONValue {
    value.isFinite ? .number(.double(value)) : .null
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByNilLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A boolean.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// An integer.
  public init(integerLiteral value: Int64) { self = .number(.integer(value)) }
  /// A fraction.
  public init(floatLiteral value: Double) { self = .double(value) }
  /// `null`.
  public init(nilLiteral: ()) { self = .null }
  /// An array.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// An object.
  public init(dictionaryLiteral members: (String, JSONValue)...) {
    self = .object(JSONObject(members))
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  /// An object with `members` in their order; a repeated key keeps its last value.
  public init(_ members: some Sequence<(String, JSONValue)>) {
    for (key, value) in members { self[key] = value }
  }

  /// An object with the members of a literal.
  public init(dictionaryLiteral members: (String, JSONValue)...) { self.init(members) }
}
