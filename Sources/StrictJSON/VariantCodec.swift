extension JSONCodec {
  /// An object of one of several kinds, told apart by the string under `key`.
  ///
  /// - kinds: Every kind's name with the description of its whole object, which has `key` too.
  /// - kind: The name of the kind that a value is of.
  public static func variant(
    by key: String, _ kinds: [(name: String, codec: ObjectCodec<Value>)],
    kind: @escaping @Sendable (Value) -> String
  ) -> JSONCodec {
    let names = kinds.map(\.name)
    let choice = JSONCodec<String>.choice(of: names, named: { $0 })
    let allowed = "an object whose \"\(key)\" is \(choice.allowed)"
    @Sendable func codec(_ name: String) -> ObjectCodec<Value> {
      guard let found = kinds.first(where: { $0.name == name }) else {
        preconditionFailure("\(name) is not one of the kinds \(names)")
      }
      return found.codec
    }
    return JSONCodec(
      allowed: allowed,
      schema: ["type": "object", "oneOf": .array(kinds.map { .object($0.codec.schema) })],
      decode: { json, path throws(JSONContentError) in
        guard let object = json.object else {
          throw JSONContentError(path, found: json, allowed: allowed)
        }
        guard let name = object[key] else {
          throw JSONContentError(path, "the key \"\(key)\" is missing: add \(choice.allowed)")
        }
        let kind = try choice.decode(name, at: path.appending(key))
        do throws(JSONContentError) {
          return try codec(kind).decode(json, at: path)
        } catch {
          throw JSONContentError(
            error.problems.map { problem in
              guard problem.path == path, let strange = problem.strangeKey,
                let other = kinds.first(where: { $0.codec.keys.contains(strange) })
              else { return problem }
              var problem = problem
              problem.otherKind = "\(key) \"\(other.name)\""
              return problem
            })
        }
      },
      encode: { codec(kind($0)).encode($0) })
  }
}
