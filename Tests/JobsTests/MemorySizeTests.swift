import Jobs
import StrictJSON
import Testing

/// Memory limits and retries in job files.
@Suite struct MemorySizeTests {
  @Test(
    arguments: [
      ("4 GiB", 4 << 30), ("4GiB", 4 << 30), ("64 MiB", 64 << 20), ("1 TiB", 1 << 40),
      ("63 MiB", nil), ("4 GB", nil), ("4", nil), ("GiB", nil), ("4  GiB", nil), ("1.5 GiB", nil),
      ("-4 GiB", nil), ("", nil), ("99999999999999999 GiB", nil), ("1025 TiB", nil), ("٤ GiB", nil),
    ] as [(String, Int?)])
  func texts(_ text: String, _ bytes: Int?) {
    #expect(MemorySize.bytes(text) == bytes)
    if let bytes { #expect(MemorySize.bytes(MemorySize.text(bytes)) == bytes) }
  }

  @Test func aJobsLimitIsATextOrANumber() throws {
    let example = try Examples.json("fashion-mnist-sample.json")
    for limit in ["1536 MiB", 1_610_612_736] as [JSONValue] {
      let spec = try JobSpec(json: example.setting(["queue", "memory_limit"], to: limit))
      #expect(spec.queue.memoryLimit == 1536 << 20)
      #expect(try JobSpec(json: spec.json) == spec)
    }
    for limit in ["1 kB", 4, -1, true] as [JSONValue] {
      let json = example.setting(["queue", "memory_limit"], to: limit)
      #expect(throws: JSONContentError.self) { try JobSpec(json: json) }
    }
  }

  @Test func retriesAreALimitAndDelays() throws {
    let example = try Examples.json("fashion-mnist-sample.json")
    #expect(try JobSpec(json: example).queue.retry == RetrySpec())
    let retry: JSONValue = ["limit": 0, "delays": ["1m", 90]]
    let spec = try JobSpec(json: example.setting(["queue", "retry"], to: retry))
    #expect(spec.queue.retry.limit == 0 && spec.queue.retry.delays == [60, 90])
    #expect(try JobSpec(json: spec.json) == spec)
    for retry in [["limit": -1], ["delays": []], ["delays": [0]], ["delay": [1]], 3] as [JSONValue]
    {
      let json = example.setting(["queue", "retry"], to: retry)
      #expect(throws: JSONContentError.self) { try JobSpec(json: json) }
    }
  }
}
