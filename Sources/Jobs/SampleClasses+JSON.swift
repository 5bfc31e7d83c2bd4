import StrictJSON

// The keys of a sample job that are about classes, in JSON.

extension ClassSelection {
  /// `"all"`, or an array of names and numbers.
  static let codec = JSONCodec<ClassSelection>(
    allowed: "\"all\", or " + list.allowed,
    schema: ["anyOf": [["enum": ["all"]], .object(list.schema)]],
    decode: { json, path throws(JSONContentError) in
      if json.string == "all" { return .all }
      guard json.array != nil else {
        throw JSONContentError(path, found: json, allowed: "\"all\", or " + list.allowed)
      }
      return .these(try list.decode(json, at: path))
    },
    encode: { selection in
      switch selection {
      case .all: "all"
      case .these(let classes): list.encode(classes)
      }
    })

  private static let list = JSONCodec<[ClassReference]>.array(
    of: ClassReference.codec, count: 1...10_000)
}

extension ClassReference {
  fileprivate static let codec = JSONCodec<ClassReference>(
    allowed: "a class's name or number",
    schema: ["anyOf": [["type": "string"], .object(JSONCodec.integer(0...1 << 16).schema)]],
    recognize: { json in
      json.string.map { .name($0) } ?? json.int.flatMap { $0 >= 0 ? .number($0) : nil }
    },
    encode: { reference in
      switch reference {
      case .number(let number): .integer(number)
      case .name(let name): .string(name)
      }
    })
}

extension GuidanceSpec {
  static let codec = ObjectCodec(
    "Classifier-free guidance", defaults: GuidanceSpec(),
    fields: [
      Field(
        "scale", \.scale, .number(atLeast: 0, atMost: 1000),
        "s in ε_u + s(ε_c − ε_u): 1 leaves the model as it is, 0 ignores the class, more is more "
          + "typical of the class and less varied."),
      Field(
        "rescale", \.rescale, .number(atLeast: 0, atMost: 1),
        "φ of Lin et al. (2023): how much of the contrast that guidance adds is taken away again."),
    ])
}
