import Jobs
import StrictJSON
import Testing

@Suite struct DropFileTests {
  private func error(_ bytes: [UInt8]) -> JobFileError? {
    do throws(JobFileError) {
      _ = try DropFile.parse(bytes)
      return nil
    } catch {
      return error
    }
  }

  @Test func jobsKeepTheJSONTheyWereReadFrom() throws {
    let bytes = try Examples.bytes("cifar10-train.json")
    let spec = try JobSpec.parse(bytes)
    #expect(try DropFile.parse(bytes) == .job(spec, original: JSONValue(parsing: bytes)))
  }

  @Test func commands() throws {
    let command = Command.job(3, .cancel)
    let text = command.json.serialized()
    #expect(text == #"{"schema": "ddpm.command/1", "command": "cancel", "job": 3}"#)
    #expect(try DropFile.parse(Array(text.utf8)) == .command(command))
  }

  @Test(arguments: [
    Command.job(3, .cancel), .job(1, .hold), .job(7, .release), .job(.max, .retry),
    .job(2, .prioritize(-1000)), .job(2, .prioritize(0)), .job(9, .remove),
    .job(4, .extend(steps: 1_000_000_000)), .queue(.pause),
    .queue(.resume),
  ])
  func commandsReadBack(_ command: Command) throws {
    #expect(try DropFile.parse(Array(command.json.serialized().utf8)) == .command(command))
  }

  @Test func anEditHasAJobInIt() throws {
    let json = try Examples.json("fashion-mnist-train.json")
    let command = Command.job(3, .edit(ReplacementJob(spec: try JobSpec(json: json), json: json)))
    #expect(try DropFile.parse(Array(command.json.serialized().utf8)) == .command(command))
  }

  @Test(arguments: [
    (
      #"{"schema": "ddpm.command/1", "command": "cancle", "job": 3}"#,
      #"$.command: found "cancle", allowed is "cancel", "hold", "release", "retry", "priority", "extend", "edit", "remove", "pause" or "resume"; did you mean "cancel"?"#
    ),
    (
      #"{"schema": "ddpm.command/1", "command": "hold", "job": 3, "priority": 1}"#,
      #"unknown key "priority"; allowed here is "schema", "command" or "job""#
    ),
    (
      #"{"schema": "ddpm.command/1", "command": "priority", "job": 3, "priority": 1001}"#,
      "$.priority: found 1001, allowed is an integer from -1000 to 1000"
    ),
    (#"{"schema": "ddpm.command/1", "command": "cancel"}"#, #"the key "job" is missing"#),
    (#"{"schema": "ddpm.command/1", "command": "cancel", "job": 0}"#, "$.job: found 0"),
    (#"{"schema": "ddpm.command/1", "command": "cancel", "job": 1, "x": 1}"#, #"unknown key "x""#),
    (#"{"kind": "train"}"#, #"$: the key "schema" is missing: add "schema": "ddpm.job/1""#),
    (#"{"schema": "ddpm.job/9"}"#, #"allowed is "ddpm.job/1" or "ddpm.command/1""#),
    ("[]", "found no object"), ("3", "found no object"), ("\"x\"", "found no object"),
  ])
  func isInvalid(_ text: String, _ part: String) {
    let error = error(Array(text.utf8))
    #expect(error?.description.contains(part) == true, "\(String(describing: error))")
    #expect(error?.isIncomplete == false)
  }

  @Test func everyHalfCopiedJobIsIncomplete() throws {
    let bytes = try Examples.bytes("fashion-mnist-sample.json")
    for count in 0..<bytes.count - 2 {
      #expect(error(Array(bytes[..<count]))?.isIncomplete == true, "\(count) bytes")
    }
  }

  @Test func binaryIsMalformed() {
    #expect(error([0x7F, 0x45, 0x4C, 0x46])?.isIncomplete == false)
    #expect(error(Array(repeating: 0, count: 2000))?.isIncomplete == false)
  }
}
