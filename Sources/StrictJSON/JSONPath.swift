/// A place inside a JSON value, written like `$.unet.block_out_channels[2]` (RFC 9535).
public struct JSONPath: Hashable, Sendable, CustomStringConvertible {
  /// The path as text.
  public let description: String

  private init(_ description: String) { self.description = description }

  /// The whole value.
  public static let root = JSONPath("$")

  /// The member `key` of the object here.
  public func appending(_ key: String) -> JSONPath {
    let isName = key.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"):
        true
      default: false
      }
    }
    return isName && !key.isEmpty
      ? JSONPath("\(self).\(key)") : JSONPath("\(self)[\(JSONValue.string(key).excerpt)]")
  }

  /// Element `index` of the array here.
  public func appending(_ index: Int) -> JSONPath { JSONPath("\(self)[\(index)]") }
}

extension JSONValue {
  /// The value in a few words, for an error message.
  var excerpt: String {
    switch self {
    case .object(let object): return object.keys.isEmpty ? "an empty object" : "an object"
    case .array(let array): return array.isEmpty ? "an empty array" : "an array"
    default:
      let text = serialized()
      return text.count <= 60 ? text : text.prefix(57) + "…\""
    }
  }
}
