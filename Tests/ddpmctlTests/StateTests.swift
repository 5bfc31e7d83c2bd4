import DurableIO
import Foundation
import Jobs
import Spool
import StrictJSON
import Testing

/// What the real program says of jobs and of the daemon, to people and to scripts.
@Suite(.timeLimit(.minutes(10))) struct StateTests {
  private let bench: Bench

  init() throws { bench = try Bench() }

  private func ddpmctl(_ arguments: String...) throws -> (
    output: String, errors: String, code: Int32
  ) {
    try bench.run(arguments)
  }

  @Test func scriptsReadJSON() throws {
    try bench.admit("a", .failed, reason: "no luck")
    try bench.admit("b", .done)
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
    #expect(status["waiting_files"] == 0)
    #expect(status["rejected_files"] == 0)
    #expect(try ddpmctl("results", "b").output == bench.layout.jobDirectory(2).results + "\n")
  }

  @Test func peopleReadTables() throws {
    try bench.admit("a", .failed, reason: "no luck")
    let list = try ddpmctl("list").output.split(separator: "\n")
    #expect(list.count == 2)
    #expect(list.last?.hasPrefix("1    a     sample  failed") == true)
    #expect(list.last?.hasSuffix("  no luck") == true)
    #expect(try ddpmctl("show", "nobody").errors.contains("there is no job nobody"))
    let status = try ddpmctl("status").output
    #expect(status.contains("ddpmd is not running"))
    #expect(status.contains("sample a (job 1): failed: no luck"))
  }

  @Test func showSaysEverythingOnce() throws {
    try bench.admit("a", .failed, reason: "no luck")
    let before = try ddpmctl("show", "1").output
    #expect(before.contains("failed: no luck"))
    #expect(!before.contains("Attempt"))
    #expect(!before.contains("submit-"))
    #expect(before.hasSuffix("ddpmctl show 1 --job\n"))
    let history = try AppendLog(bench.layout.jobDirectory(1).events)
    for event in [
      JobEvent(time: .now(), kind: .started, attempt: 1),
      JobEvent(
        time: .now(), kind: .failed, attempt: 1, reason: "no luck",
        logLines: ["draws", "error: no luck"]),
    ] { try history.append(event.line) }
    let after = try ddpmctl("show", "1").output
    #expect(after.split(separator: "no luck", omittingEmptySubsequences: false).count == 2)
    #expect(after.contains("    | draws\n"))
    #expect(after.contains("Attempt"))
    #expect(try JobSpec(json: JSONValue(parsing: ddpmctl("show", "1", "--job").output)).name == "a")
  }

  @Test func crashesPointToTheLog() throws {
    try bench.admit("a", .queued)
    var entry = QueueEntry(id: 1)
    (entry.crashes, entry.reason) = (5, "it crashed")
    try JobQueue(bench.layout).move(entry, from: .queued, to: .failed)
    #expect(try ddpmctl("watch", "a").errors.hasSuffix("it crashed; see: ddpmctl logs 1\n"))
  }

  @Test func deferredJobsSayWhyAndUntilWhen() throws {
    try bench.admit("a", .queued)
    var entry = QueueEntry(id: 1)
    let time = Timestamp(milliseconds: Timestamp.now().milliseconds + 3_600_000)
    (entry.reason, entry.notBefore) = ("no space", time)
    try JobQueue(bench.layout).move(entry, from: .queued, to: .deferred)
    let words = "deferred: no space; tries again at \(time)"
    #expect(try ddpmctl("show", "a").output.contains(words))
    #expect(try ddpmctl("status").output.contains(words))
    #expect(try ddpmctl("results", "a").errors.contains(words))
    #expect(try ddpmctl("list").output.hasSuffix("  no space; tries again at \(time)\n"))
    let watching = try bench.start("watch", "a")
    #expect(watching.says("sample a (job 1): no space; tries again at \(time)\n"))
    watching.interrupt()
    #expect(try watching.end().code == 130)
  }

  @Test func everyJobThatWaitsSaysWhy() throws {
    try bench.admit("a", .queued)
    try bench.admit("b", .held)
    try bench.admit("c", .held, reason: "for Monday")
    #expect(try ddpmctl("list").output.contains("  waits for ddpmd\n"))
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    let list = try ddpmctl("list").output.split(separator: "\n").dropFirst()
    for (line, words) in zip(list, ["waits for a worker", "until it is released", "for Monday"]) {
      #expect(line.hasSuffix("  " + words))
    }
    let json = try JSONValue(parsing: ddpmctl("list", "--json").output)
    #expect(json.array?.first?["reason"] == "waits for a worker")
  }

  @Test func withoutADaemonNothingRuns() throws {
    try bench.admit("a", .running)
    let progress = Jobs.Progress(step: 7, steps: 12, imagesPerSecond: 41, secondsLeft: 3)
    try AtomicFile.write(
      progress.json.serialized(), to: bench.layout.jobDirectory(1).progress)
    func texts() throws -> String {
      try ddpmctl("list").output + ddpmctl("status").output + ddpmctl("show", "a").output
    }
    let dead = try texts()
    #expect(dead.split(separator: "interrupted", omittingEmptySubsequences: false).count == 5)
    #expect(!dead.contains("images/s"))
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    let live = try texts()
    #expect(!live.contains("interrupted"))
    #expect(live.contains("41.0 images/s"))
  }

  @Test func whatKeepsTheDaemonFromItsWorkIsPassedOn() throws {
    let lock = try #require(try FileLock.acquire(bench.layout.lock))
    defer { lock.release() }
    try AtomicFile.write("the disk is full\n", to: bench.layout.problem)
    #expect(try ddpmctl("status").output.contains("the disk is full"))
    let submission = try ddpmctl("submit", bench.file(Bench.job(named: "x")))
    #expect(submission.code == 75)
    #expect(submission.errors.contains("cannot take the job in yet: the disk is full"))
    let status = try JSONValue(parsing: ddpmctl("status", "--json").output)
    #expect(status["daemon"]?["problem"] == "the disk is full")
    #expect(status["waiting_files"] == 1)
  }

  @Test func whatIsMissingOfTheSpoolIsSaidBesideAllElse() throws {
    try bench.admit("a", .failed, reason: "no luck")
    for path in [bench.layout.drop, bench.layout.rejected] { try Directory.removeTree(path) }
    let status = try ddpmctl("status")
    #expect(status.code == 0)
    #expect(status.output.contains("jobs: 1 failed\n"))
    for (what, path) in [("waiting", bench.layout.drop), ("refused", bench.layout.rejected)] {
      #expect(status.output.contains("\(what) files: \(path) is missing; unless it is put back, "))
    }
    let json = try JSONValue(parsing: ddpmctl("status", "--json").output)
    #expect(json["jobs"]?["failed"] == 1)
    #expect(json["waiting_files"] == .some(.null) && json["rejected_files"] == .some(.null))
  }

  @Test func ofAJobWithoutFilesAllCommandsKnow() throws {
    for name in ["a", "b", "c"] { try bench.admit(name, .failed, reason: "no luck") }
    let sentence =
      "\(bench.layout.jobDirectory(2).path) is missing; if it cannot be put back, remove job 2"
    try Directory.removeTree(bench.layout.jobDirectory(2).path)
    for arguments in [["list", "2"], ["list", "--all"], ["list", "2-9"], ["show", "2"]] {
      let said = try bench.run(arguments)
      #expect(said.code == 0)
      #expect(said.output.contains("no luck; \(sentence)\n"))
    }
    #expect(try ddpmctl("show", "2", "--job").errors.contains(sentence))
    let list = try JSONValue(parsing: ddpmctl("list", "2", "--json").output)
    #expect(list.array?.first?["reason"] == .string("no luck; \(sentence)"))
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    #expect(
      try ddpmctl("purge", "--state", "failed").errors
        == "sample a (job 1) is removed\n? ? (job 2) is removed\nsample c (job 3) is removed\n")
    #expect(try ddpmctl("list", "--all").errors.hasPrefix("no jobs"))
  }

  @Test func anEvaluationIsSummedUpInALine() throws {
    try bench.admit("a", kind: "evaluate", .done)
    let directory = bench.layout.jobDirectory(1)
    try Directory.create(directory.results)
    let results: JSONValue = [
      "images": 1000,
      "results": [
        ["weights": "ema", "nll": ["bits_per_dim": 3.41189, "standard_error": 0.0213]],
        ["weights": "raw", "nll": ["bits_per_dim": 3.5, "standard_error": nil]],
      ],
    ]
    try AtomicFile.write(results.serialized(), to: directory.results + "/evaluation.json")
    let line = "ema 3.412 ± 0.021, raw 3.500 bits/dim on 1000 images"
    #expect(try ddpmctl("show", "a").output.contains(line))
    let (output, errors, _) = try ddpmctl("results", "a")
    #expect(output == directory.results + "\n" && errors.contains(line))
  }

  @Test func anEvaluationUnderWayTellsItsBound() throws {
    try bench.admit("a", kind: "evaluate", .running)
    let progress = Jobs.Progress(step: 7, steps: 12, bitsPerDimension: 3.4567)
    try AtomicFile.write(progress.json.serialized(), to: bench.layout.jobDirectory(1).progress)
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    #expect(try ddpmctl("status").output.contains("58%, image 7/12, 3.46 bits/dim"))
  }
}
