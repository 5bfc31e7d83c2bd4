import Jobs
import StrictJSON
import Testing

/// Several jobs in one file.
@Suite struct JobArrayTests {
  private func file(_ array: JSONValue) throws -> JSONValue {
    try Examples.json("fashion-mnist-train.json").setting(["array"], to: array)
  }

  private func array(_ array: JSONValue) throws -> JobArray {
    try #require(try JobArray(json: file(array)))
  }

  @Test func isEveryCombination() throws {
    let array = try array([
      "seed": [1, 2, 3], "ema.decay": [0, 0.1], "name": ["a"],
    ])
    #expect(array.count == 6)
    let specs = try (0..<6).map { try array.spec(of: $0) }
    #expect(specs.map(\.seed) == [1, 1, 2, 2, 3, 3])
    #expect(Set(specs.map(\.name)) == ["a"])
    #expect(array.values(of: 3) == ["seed": 2, "ema.decay": 0.1, "name": "a"])
    // Each is what its own file would be.
    let example = try Examples.json("fashion-mnist-train.json")
    for index in 0..<6 {
      let own = example.setting(["seed"], to: .integer(index / 2 + 1))
        .setting(["ema", "decay"], to: index % 2 == 0 ? 0 : 0.1)
        .setting(["name"], to: "a")
      #expect(array.member(index) == own)
    }
  }

  @Test func sectionsThatAreNotThereAreMade() throws {
    let array = try array(["queue.retry.limit": [0, 3]])
    #expect(try (0..<2).map { try array.spec(of: $0).queue.retry.limit } == [0, 3])
  }

  @Test func aFileWithoutTheKeyIsOneJob() throws {
    #expect(try JobArray(json: Examples.json("fashion-mnist-train.json")) == nil)
    #expect(try JobArray(json: []) == nil)
  }

  @Test(
    arguments: [
      (3, "$.array: found 3, allowed is an object as {\"seed\": [1, 2, 3]}"),
      ([:], "$.array: found an empty object"),
      (["seed": 1], "$.array.seed: found 1, allowed is a list of values"),
      (["seed": []], "$.array.seed: found an empty array"),
      (["kind": ["train"]], "$.array.kind: is the same for all jobs of an array"),
      (["array": [1]], "$.array.array: is the same"),
      (["queue": [1]], "$.array.queue: is the same"),
      (
        ["queue.idempotency_key": ["a"]],
        #"$.array["queue.idempotency_key"]: is one key for the whole array; set it in $.queue"#
      ),
      ([".a": [1]], #"$.array[".a"]: is no key of a job"#), (["": [1]], "is no key of a job"),
      (["name.x": [1]], #"$.array["name.x"]: is no key of a job: $.name is no section"#),
      (
        ["training": [1], "training.steps": [1]],
        #"$.array["training.steps"]: and "training" set the same key; name one of them"#
      ),
      (["training.steps": [1], "training": [1]], #"$.array.training: and "training.steps" set"#),
    ] as [(JSONValue, String)])
  func isRefused(_ array: JSONValue, _ part: String) throws {
    let file = try file(array)
    let error = #expect(throws: JobFileError.self) {
      try DropFile.parse(Array(file.serialized().utf8))
    }
    #expect(error?.description.contains(part) == true, "\(String(describing: error))")
    #expect(error?.isIncomplete == false)
  }

  @Test func thereAreAtMostAThousand() throws {
    let values = JSONValue.array((0..<1000).map { .integer($0) })
    #expect(try array(["seed": values]).count == 1000)
    let ten = JSONValue.array((1...10).map { .integer($0) })
    for tooMany in [
      ["seed": .array((0...1000).map { .integer($0) })],
      ["seed": values, "training.steps": [1, 2]],
      ["seed": ten, "training.steps": ten, "training.batch_size": ten, "training.shards": ten],
      ["seed": values, "training.steps": values, "optimizer.epsilon": values, "name": values],
    ] as [JSONValue] {
      #expect { try array(tooMany) } throws: { "\($0)".contains("more than 1000 jobs") }
    }
    // Nor can a small file become a lot of large ones.
    let long = try file(["seed": values])
      .setting(["$schema"], to: .string(String(repeating: "x", count: 70_000)))
    #expect { try JobArray(json: long) } throws: { "\($0)".contains("bytes together") }
    let classes = (0..<2).map { first in
      JSONValue.array((first..<10_000).map { .string("class \($0)") })
    }
    let lists = try file([
      "classes": .array(classes), "seed": .array((0..<500).map { .integer($0) }),
    ])
    #expect { try JobArray(json: lists) } throws: { "\($0)".contains("bytes together") }
  }

  /// To compare each of them with all others would take hours.
  @Test func moreKeysThanAJobHasAreRefused() throws {
    let keys = JSONValue.object(JSONObject((0..<50_000).map { ("k\($0)", [1]) }))
    #expect { try array(keys) } throws: { "\($0)".contains("at most 100") }
  }

  /// The path in the job, and which job it is.
  @Test func aBadJobIsNamed() throws {
    let file = try file(["seed": [1, 2], "training.steps": [10, 0]])
    let error = #expect(throws: JobFileError.self) {
      try DropFile.parse(Array(file.serialized().utf8))
    }
    #expect(error?.description.hasPrefix("$.training.steps: found 0, allowed is") == true)
    #expect(
      error?.description.hasSuffix("; in job 2 of the array's 4 (seed = 1, training.steps = 0)")
        == true, "\(String(describing: error))")
    guard
      case .array(let array) = try DropFile.parse(
        Array(file.serialized().utf8), checkingMembers: false)
    else {
      Issue.record("it is no array")
      return
    }
    #expect(array.count == 4)
    #expect(throws: JSONContentError.self) { try array.spec(of: 1) }
  }

  @Test func theExampleIsGood() throws {
    let bytes = try Examples.bytes("learning-rate-sweep.json")
    guard case .array(let array) = try DropFile.parse(bytes) else {
      Issue.record("it is no array")
      return
    }
    #expect(array.count == 6)
    #expect(conforms(try JSONValue(parsing: bytes), to: JobSpec.schemaDocument))
  }

  @Test func theSchemaKnowsThem() throws {
    #expect(conforms(try file(["seed": [1, 2]]), to: JobSpec.schemaDocument))
    for wrong in [3, ["seed": 1], ["seed": []], [:]] as [JSONValue] {
      #expect(!conforms(try file(wrong), to: JobSpec.schemaDocument))
    }
  }
}
