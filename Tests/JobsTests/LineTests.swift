import Foundation
import Jobs
import Testing

/// The lines of pipes and logs, and the times in them.
@Suite struct LineTests {
  @Test(
    arguments: [
      .progress(Progress(step: 0, steps: 10)),
      .progress(Progress(step: 2, steps: 10, bitsPerDimension: 3.7)),
      .progress(Progress(step: 3, steps: 10, loss: 0.1, imagesPerSecond: 1e-9, secondsLeft: 1e9)),
      .finished, .stopped, .hindered(reason: "disk full"),
      .failed(reason: "line\nfeed \"quoted\" \u{0} é"),
    ] as [WorkerMessage])
  func messagesReadBack(_ message: WorkerMessage) {
    #expect(!message.line.contains("\n"))
    #expect(WorkerMessage(line: message.line) == message)
    #expect(WorkerMessage(line: message.line + "\n") == message)
  }

  @Test func aLossThatIsNoNumberIsLeftOut() {
    let message = WorkerMessage.progress(Progress(step: 1, steps: 2, loss: .nan))
    #expect(WorkerMessage(line: message.line) == .progress(Progress(step: 1, steps: 2)))
  }

  @Test(arguments: [
    "", "\n", "nonsense", "{}", "[]", "3", #"{"finished": false}"#, #"{"progress": {}}"#,
    #"{"progress": {"step": -1, "steps": 2}}"#, #"{"progress": {"step": 3, "steps": 2}}"#,
    #"{"progress": {"step": 1.5, "steps": 2}}"#, #"{"failed": 1}"#,
    #"{"finished": true, "stopped": true}"#, #"{"finished": true"#,
  ])
  func nonsenseIsNil(_ line: String) {
    #expect(WorkerMessage(line: line) == nil)
  }

  @Test func instructionsReadBack() {
    #expect(WorkerInstruction(line: WorkerInstruction.threads(3).line) == .threads(3))
    for line in ["", "{}", #"{"threads": 0}"#, #"{"threads": "2"}"#, #"{"threads": 1, "a": 2}"#] {
      #expect(WorkerInstruction(line: line) == nil)
    }
  }

  @Test(arguments: JobEvent.Kind.allCases)
  func eventsReadBack(_ kind: JobEvent.Kind) {
    let short = JobEvent(time: .now(), kind: kind, attempt: 1)
    let long = JobEvent(
      time: .now(), kind: kind, attempt: 2, reason: "a \"b\"", logLines: ["c", "", "\t"])
    for event in [short, long] {
      #expect(JobEvent(line: event.line) == event)
      #expect(JobEvent(line: event.line.dropLast()) == nil)
    }
  }

  /// Foundation's calendar as an oracle.
  @Test func timesAreThoseOfTheCalendar() throws {
    let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    let days: [Int64] = [0, 58, 59, 60, 364, 365, 11_016, 11_017, 19_782, 47_540, 47_541]
    let times =
      days.map { $0 * 86_400_000 } + days.map { $0 * 86_400_000 + 86_399_999 }
      + (0..<500).map { $0 * 505_000_123_457 }
    for milliseconds in times {
      let time = Timestamp(milliseconds: milliseconds)
      let date = Date(timeIntervalSince1970: TimeInterval(milliseconds / 1000))
        .addingTimeInterval(TimeInterval(milliseconds % 1000) / 1000)
      #expect(time.description.prefix(19) == date.formatted(format).prefix(19))
      #expect(
        time.description.hasSuffix(
          "." + String(String(milliseconds % 1000 + 1000).dropFirst()) + "Z"))
      #expect(Timestamp(time.description) == time)
    }
  }

  @Test(arguments: [
    "", "2031-05-04", "2031-02-29T00:00:00.000Z", "2031-13-01T00:00:00.000Z",
    "2031-00-01T00:00:00.000Z", "2031-05-04T24:00:00.000Z", "2031-05-04T03:02:01Z",
    "2031-05-04 03:02:01.007Z", "2031-5-4T3:2:1.007Z", "99999-05-04T03:02:01.007Z",
    "2031-05-04T03:02:01.007+01:00", "2031-05-04T03:02:99999999999999999999.007Z",
  ])
  func badTimesAreNil(_ text: String) {
    #expect(Timestamp(text) == nil)
  }
}
