import Jobs
import StrictJSON
import Testing

@Suite struct TimeSpanTests {
  @Test(
    arguments: [
      ("2h30m", 9000), ("90m", 5400), ("1d", 86400), ("1d12h30m5s", 131_405), ("45s", 45),
      ("07m", 420), ("0h5m", 300), ("", nil), ("5", nil), ("0s", nil), ("30m2h", nil),
      ("1h1h", nil), ("1.5h", nil), ("-1h", nil), ("h", nil), ("1h ", nil),
      ("99999999999999d", nil),
      ("٣h", nil),
    ] as [(String, Int?)])
  func texts(_ text: String, _ seconds: Int?) {
    #expect(TimeSpan.seconds(text) == seconds)
  }

  @Test(arguments: [
    (0, "0 s"), (59, "59 s"), (3600, "1 h"), (9000, "2 h 30 min"), (90061, "1 d 1 h 1 min 1 s"),
  ])
  func words(_ seconds: Int, _ words: String) { #expect(TimeSpan.words(seconds: seconds) == words) }

  @Test func aJobsLimitIsATextOrANumber() throws {
    let example = try Examples.json("fashion-mnist-sample.json")
    for limit in ["2h30m", 9000] as [JSONValue] {
      let spec = try JobSpec(json: example.setting(["queue", "time_limit"], to: limit))
      #expect(spec.queue.timeLimit == 9000)
      #expect(try JobSpec(json: spec.json) == spec)
    }
    for limit in ["2 hours", 0, -1, 1.5, 2_000_000_000] as [JSONValue] {
      let json = example.setting(["queue", "time_limit"], to: limit)
      #expect(throws: JSONContentError.self) { try JobSpec(json: json) }
    }
  }
}
