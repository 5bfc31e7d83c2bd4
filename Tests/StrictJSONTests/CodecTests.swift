import Testing

@testable import StrictJSON

/// A small object with one of everything.
private struct Kitchen: Equatable, Sendable {
  enum Color: String, CaseIterable { case red, green, darkBlue = "dark_blue" }
  var count = 0
  var weight = 0.5
  var color = Color.red
  var sizes: [Int] = []
  var note: String?
  var isOpen = false
  var seed: UInt64 = 0

  static let codec = ObjectCodec(
    "Kitchen", defaults: Kitchen(),
    fields: [
      Field("item_count", \.count, .integer(1...100), required: true, "How many."),
      Field("weight", \.weight, .number(above: 0, atMost: 1), "How heavy."),
      Field("color", \.color, .choice, "Which."),
      Field("sizes", \.sizes, .array(of: .integer(1...9), count: 0...3), "How large."),
      Field("note", \.note, .optional(.string), "Anything."),
      Field("is_open", \.isOpen, .bool, "Whether."),
      Field("seed", \.seed, .uint64, "Where from."),
      .constant("act_fn", "silu", or: ["swish", 1], "The only one."),
      .ignored("comment", "Not used."),
    ],
    presets: [("small", Kitchen(count: 2)), ("large", Kitchen(count: 90))],
    rules: { kitchen, report in
      if kitchen.sizes.count > kitchen.count { report("sizes", "too many") }
    })
}

@Suite struct CodecTests {
  private func decode(_ json: JSONValue) throws -> Kitchen { try Kitchen.codec.decode(json) }

  private func problems(_ json: JSONValue) -> [String] {
    do throws(JSONContentError) {
      _ = try Kitchen.codec.decode(json)
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }

  @Test func whatIsNotGivenIsTheDefault() throws {
    #expect(try decode(["item_count": 3]) == Kitchen(count: 3))
    #expect(
      try decode([
        "item_count": 3.0, "weight": 1, "color": "dark_blue", "sizes": [1, 2], "note": "x",
        "is_open": true, "seed": .integer(UInt64.max), "act_fn": 1.0, "comment": [1],
      ])
        == Kitchen(
          count: 3, weight: 1, color: .darkBlue, sizes: [1, 2], note: "x", isOpen: true,
          seed: .max))
  }

  @Test func encodingStatesEveryKeyAndReadsBack() throws {
    let kitchen = Kitchen(count: 7, weight: 1e-9, color: .green, sizes: [9], note: nil, seed: .max)
    let json = Kitchen.codec.encode(kitchen)
    #expect(try decode(json) == kitchen)
    #expect(
      json.object?.keys
        == ["item_count", "weight", "color", "sizes", "note", "is_open", "seed", "act_fn"])
  }

  @Test func presetsAreOverriddenByKeys() throws {
    #expect(try decode(["preset": "large"]) == Kitchen(count: 90))
    #expect(try decode(["weight": 1, "preset": "small"]) == Kitchen(count: 2, weight: 1))
    #expect(
      problems(["preset": "smal"]) == [
        #"$.preset: found "smal", allowed is "small" or "large"; did you mean "small"?"#
      ])
  }

  @Test func everyProblemIsReportedAtOnce() {
    #expect(
      problems([
        "item_count": 0, "weight": 0, "color": "gren", "sizes": [1, 10, "x"], "note": 1,
        "is_open": 1, "seed": -1, "act_fn": "gelu",
      ]) == [
        "$.item_count: found 0, allowed is an integer from 1 to 100",
        "$.weight: found 0, allowed is a number > 0 and ≤ 1",
        #"$.color: found "gren", allowed is "red", "green" or "dark_blue"; did you mean "green"?"#,
        "$.sizes[1]: found 10, allowed is an integer from 1 to 9",
        #"$.sizes[2]: found "x", allowed is an integer from 1 to 9"#,
        "$.note: found 1, allowed is a string, or null",
        "$.is_open: found 1, allowed is true or false",
        "$.seed: found -1, allowed is an integer from 0 to 18446744073709551615",
        #"$.act_fn: found "gelu", which is not supported; allowed is "silu" or "swish" or 1"#,
      ])
  }

  @Test func numbersAreNotTakenForBooleansNorStringsForNumbers() {
    for json: JSONValue in ["3", true, nil, 2.5, [], [:], 1e300] {
      #expect(problems(["item_count": json]).count == 1, "\(json)")
    }
  }

  @Test func missingAndUnknownKeys() {
    #expect(
      problems([:]) == [
        #"$: the key "item_count" is missing: add an integer from 1 to 100, or name a "preset""#
      ])
    #expect(
      problems(["itemCount": 3]) == [#"$: unknown key "itemCount"; did you mean "item_count"?"#])
    #expect(
      problems(["item_count": 3, "zzz": 3])[0].hasPrefix(
        #"$: unknown key "zzz"; allowed here is "preset", "item_count""#))
    let many = problems(.object(JSONObject((0..<10_000).map { ("k\($0)", 1) })))
    #expect(many.count == 22 && many.last == "$: and 9980 more keys that are unknown here")
    #expect(
      problems([1]) == [
        #"$: found an array, allowed is an object, for example {"preset": "small"}"#
      ])
  }

  @Test func rulesApplyToGoodKeysOnly() {
    #expect(problems(["item_count": 1, "sizes": [1, 2]]) == ["$.sizes: too many"])
    #expect(problems(["item_count": 0, "sizes": [1, 2]]).count == 1)
  }

  @Test(arguments: [
    ("batchSize", "batch_size"), ("batch-size", "batch_size"), ("btach_size", "batch_size"),
    ("lr", "learning_rate"), ("flip", "horizontal_flip"), ("check", "checkpoint_every"),
    ("steps_", "steps"), ("stpes", "steps"), ("colour", nil), ("", nil), ("every", nil),
    (String(repeating: "steps", count: 2000), nil),
  ])
  func nearestKeys(_ word: String, _ key: String?) {
    let keys = [
      "batch_size", "learning_rate", "horizontal_flip", "checkpoint_every", "preview_every",
      "steps",
    ]
    #expect(nearest(to: word, among: keys) == key)
  }

  @Test func pathsAreQuotedWhereNeeded() {
    let path = JSONPath.root.appending("unet").appending("a b").appending(3).appending("")
    #expect(path.description == #"$.unet["a b"][3][""]"#)
  }

  @Test func longValuesAreCutShort() {
    let text = problems(["item_count": .string(String(repeating: "x", count: 5000))])[0]
    #expect(text.count < 150)
  }

  @Test func schemaSaysTheSame() throws {
    let schema = JSONValue.object(Kitchen.codec.schema)
    #expect(schema["additionalProperties"] == false)
    #expect(schema["anyOf"] == [["required": ["preset"]], ["required": ["item_count"]]])
    #expect(
      schema["properties"]?["weight"] == [
        "type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": "How heavy.",
        "default": 0.5,
      ])
    #expect(schema["properties"]?["color"]?["enum"] == ["red", "green", "dark_blue"])
    #expect(schema["properties"]?["act_fn"]?["enum"] == ["silu", "swish", 1])
  }
}
