import DurableIO
import Foundation
import Jobs
import Spool
import StrictJSON
import Testing

/// The real program on a real spool, with and without a daemon.
@Suite(.timeLimit(.minutes(1))) struct CommandLineTests {
  private let bench: Bench

  init() throws { bench = try Bench() }

  private func ddpmctl(_ arguments: String...) throws -> (
    output: String, errors: String, code: Int32
  ) {
    try bench.run(arguments)
  }

  /// Admits a job named `name` and leaves it in `state`.
  private func admit(_ name: String, _ state: JobState, reason: String? = nil) throws {
    let daemon = try AdmittingDaemon(bench, end: state, reason: reason)
    defer { daemon.stop() }
    _ = try Submission.submit(
      Array(Bench.job(named: name).serialized().utf8), to: bench.layout)
    while try JobQueue(bench.layout).ids(in: state).isEmpty { usleep(1000) }
  }

  @Test func schemaIsTheLibrarys() throws {
    let (output, _, code) = try ddpmctl("schema")
    #expect(code == 0)
    #expect(try JSONValue(parsing: output) == JobSpec.schemaDocument)
  }

  @Test func validateNeedsNoSpool() throws {
    let good = try bench.file(Bench.job(named: "x"))
    let bad = try bench.file(["schema": "ddpm.job/1", "kind": "sample", "name": "x", "cuont": 1])
    let all = try ddpmctl("validate", good, bad, "--json")
    #expect(all.code == 65)
    #expect(try JobSpec(json: JSONValue(parsing: all.output)).name == "x")
    #expect(all.errors.contains(#"\#(bad): $: unknown key "cuont"; did you mean "count"?"#))
    #expect(try ddpmctl("validate", good).code == 0)
  }

  @Test func withoutASpoolItSaysHowToGetOne() throws {
    for command in ["list", "status", "show 1", "results 1", "cancel 1", "watch"] {
      let words = command.split(separator: " ").map(String.init)
      let (output, errors, code) = try bench.run(words + ["--root", "/absent folder"])
      #expect(output == "")
      #expect(errors.contains("ddpmd --root '/absent folder'"))
      #expect(code == 1)
    }
  }

  @Test func withoutADaemonASubmittedJobLiesInDrop() throws {
    let job = Bench.job(named: "x")
    let (output, errors, code) = try ddpmctl("submit", bench.file(job))
    #expect(output == "")
    #expect(errors.contains("ddpmd is not running"))
    #expect(errors.contains("ddpmd --root \(bench.root)"))
    #expect(code == 75)
    let names = try Directory.names(in: bench.layout.drop)
    #expect(names.count == 1)
    let name = try #require(names.first)
    #expect(try JSONValue(parsing: readFile("\(bench.layout.drop)/\(name)")) == job)
  }

  @Test func submitPrintsTheNumberAlone() throws {
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    for number in 1...2 {
      let (output, errors, code) = try ddpmctl("submit", bench.file(Bench.job(named: "x")))
      #expect(output == "\(number)\n")
      #expect(errors == "")
      #expect(code == 0)
    }
  }

  @Test func nothingWrongIsSubmitted() throws {
    let (output, errors, code) = try ddpmctl("submit", bench.file(["schema": "ddpm.job/1"]))
    #expect(output == "")
    #expect(errors.contains("$.kind") || errors.contains(#"the key "kind" is missing"#))
    #expect(code == 65)
    #expect(try Directory.names(in: bench.layout.drop) == [])
  }

  @Test(arguments: [(.done, 0), (.failed, 1), (.cancelled, 2)] as [(JobState, Int32)])
  func waitEndsAsTheJobEnds(_ state: JobState, _ expected: Int32) throws {
    let daemon = try AdmittingDaemon(bench, end: state, reason: "the reason")
    defer { daemon.stop() }
    let (output, errors, code) = try ddpmctl("submit", "--wait", bench.file(Bench.job(named: "x")))
    #expect(output == "1\n")
    #expect(code == expected)
    switch state {
    case .done: #expect(errors.contains(bench.layout.jobDirectory(1).results))
    case .failed: #expect(errors.contains("failed: the reason; see: ddpmctl logs 1"))
    default: #expect(errors.contains("was cancelled"))
    }
    #expect(try ddpmctl("watch", "x").code == expected)
    #expect(try ddpmctl("results", "1").code == (state == .done ? 0 : 1))
  }

  @Test func controlCOnlyStopsWaiting() throws {
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    let waiting = try bench.start("submit", "--wait", bench.file(Bench.job(named: "x")))
    while try JobQueue(bench.layout).ids(in: .queued).isEmpty { usleep(1000) }
    waiting.interrupt()
    let (output, errors, code) = try waiting.end()
    #expect(code == 130)
    #expect(["", "1\n"].contains(output))
    #expect(errors.contains("stopped waiting"))
    #expect(try JobQueue(bench.layout).state(of: 1) == .queued)
  }

  @Test func scriptsReadJSON() throws {
    try admit("a", .failed, reason: "no luck")
    try admit("b", .done)
    // The worker's last word, sent before its last step.
    let progress = Jobs.Progress(step: 7, steps: 12, loss: 0.5, secondsLeft: 3)
    try AtomicFile.write(
      progress.json.serialized(), to: bench.layout.jobDirectory(2).progress)
    let list = try JSONValue(parsing: ddpmctl("list", "--json").output)
    #expect(list.array?.map { $0["name"] } == ["a", "b"])
    #expect(list.array?.map { $0["state"] } == ["failed", "done"])
    #expect(list.array?.first?["reason"] == "no luck")
    let done = try JSONValue(parsing: ddpmctl("list", "--json", "--state", "done").output)
    #expect(done.array?.count == 1)
    #expect(done.array?.first?["progress"] == ["step": 12, "steps": 12, "loss": 0.5])
    let show = try JSONValue(parsing: ddpmctl("show", "--json", "b").output)
    #expect(show["id"] == 2)
    #expect(try JobSpec(json: #require(show["job"])).name == "b")
    let status = try JSONValue(parsing: ddpmctl("status", "--json").output)
    #expect(status["daemon"] == .some(.null))
    #expect(status["jobs"]?["done"] == 1)
    #expect(try ddpmctl("results", "b").output == bench.layout.jobDirectory(2).results + "\n")
  }

  @Test func peopleReadTables() throws {
    try admit("a", .failed, reason: "no luck")
    let list = try ddpmctl("list").output.split(separator: "\n")
    #expect(list.count == 2)
    #expect(list.last?.hasPrefix("1    a     sample  failed") == true)
    let show = try ddpmctl("show", "1").output
    #expect(show.contains("failed: no luck"))
    #expect(try ddpmctl("show", "nobody").errors.contains("there is no job nobody"))
    #expect(try ddpmctl("status").output.contains("ddpmd is not running"))
  }

  @Test func cancelWritesACommand() throws {
    try admit("a", .queued)
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    let (_, errors, code) = try ddpmctl("cancel", "a")
    #expect(code == 0, "\(errors)")
    #expect(try JobQueue(bench.layout).find(1)?.entry.cancelRequested == true)
    #expect(
      try JSONValue(parsing: ddpmctl("list", "--json").output).array?.first?["cancel_requested"]
        == true)
  }

  @Test func logsFollowAJobToItsEnd() throws {
    try admit("a", .queued)
    let log = bench.layout.jobDirectory(1).log
    #expect(try ddpmctl("logs", "a").errors.contains("its log is empty"))
    try Data("one\n".utf8).write(to: URL(filePath: log))
    #expect(try ddpmctl("logs", "1").output == "one\n")
    let following = try bench.start("logs", "--follow", "1")
    let handle = try FileHandle(forWritingTo: URL(filePath: log))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data("two\n".utf8))
    try JobQueue(bench.layout).move(1, from: .queued, to: .done)
    let (output, _, code) = try following.end()
    #expect(output == "one\ntwo\n")
    #expect(code == 0)
  }

  @Test func wrongUsageIsToldFromAllElse() throws {
    #expect(try ddpmctl("list", "--no-such-flag").code == 64)
    #expect(try ddpmctl("show", "a/b").code == 64)
    #expect(try ddpmctl("submit").code == 64)
  }
}
