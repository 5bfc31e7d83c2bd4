import Jobs
import StrictJSON
import Testing

@Suite struct EnvelopeTests {
  private func envelope() throws -> Envelope {
    let bytes = try Examples.bytes("fashion-mnist-train.json")
    return Envelope(
      id: 12, submitter: 4_000_000_000, submitted: Timestamp(milliseconds: 1_900_000_000_123),
      sha256: String(repeating: "0f", count: 32), fileName: "a \"b\".json",
      spec: try JobSpec.parse(bytes), original: try JSONValue(parsing: bytes))
  }

  @Test func readsBackTheSame() throws {
    var envelope = try envelope()
    envelope.editor = 1001
    let bytes = Array(envelope.json.serialized(pretty: true).utf8)
    #expect(try Envelope.parse(bytes) == envelope)
    #expect(envelope.json["job"] == envelope.job)
  }

  @Test func problemsOfTheJobInsideAreReported() throws {
    let json = try envelope().json.setting(["job", "training", "steps"], to: 0)
    let error = #expect(throws: JobFileError.self) {
      try Envelope.parse(Array(json.serialized().utf8))
    }
    #expect(
      error?.description.hasPrefix("$.job.training.steps: found 0") == true,
      "\(String(describing: error))")
  }
}
