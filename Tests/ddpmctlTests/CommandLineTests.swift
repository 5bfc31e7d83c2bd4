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

  @Test func validateSaysWhatTrainingTakes() throws {
    let (output, errors, code) = try ddpmctl("validate", bench.file(training(blocks: 1, of: 32)))
    #expect(code == 0)
    #expect(!errors.contains("of memory"))
    #expect(output.contains("GiB of memory"))
    #expect(output.contains("s a step"))
    #expect(output.contains("for all 7"))
  }

  /// Some terabytes.
  @Test func validateDoubtsWhatCannotFit() throws {
    let (_, errors, code) = try ddpmctl("validate", bench.file(training(blocks: 10, of: 16384)))
    #expect(code == 0)
    #expect(errors.contains("warning: it takes about"))
    #expect(errors.contains("$.training.activation_checkpointing"))
  }

  /// A train job with so many blocks of so many channels.
  private func training(blocks: Int, of channels: Int) -> JSONValue {
    func all(_ value: JSONValue) -> JSONValue { .array(Array(repeating: value, count: blocks)) }
    return [
      "schema": "ddpm.job/1", "kind": "train", "name": "x",
      "dataset": ["type": "images", "path": "/"], "scheduler": [:],
      "unet": [
        "sample_size": .integer(blocks == 1 ? 8 : 512),
        "block_out_channels": all(.integer(channels)),
        "down_block_types": all("DownBlock2D"), "up_block_types": all("UpBlock2D"),
        "attention_head_dim": 8, "add_attention": false, "layers_per_block": 1,
      ],
      "training": ["batch_size": 1, "steps": 7],
    ]
  }

  @Test func withoutASpoolItSaysHowToGetOne() throws {
    for command in ["list", "status", "show 1", "results 1", "cancel 1", "watch", "logs 1"] {
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

  @Test func submitMakesAPrivateSpool() throws {
    let root = bench.root + "/new"
    let (_, errors, code) = try ddpmctl(
      "submit", "--root", root, bench.file(Bench.job(named: "x")))
    #expect(code == 75, "\(errors)")
    let layout = SpoolLayout(root: root)
    #expect(try SpoolReader(layout).waitingFiles() == 1)
    #expect(try FileLock.acquire(layout.lock) != nil)
    #expect(try SpoolReader(layout).jobs().isEmpty)
  }

  @Test func submitWarnsOfAModelThatIsNotMade() throws {
    for (kind, state) in [
      ("train", .failed), ("train", .cancelled), ("sample", .done), ("train", .queued),
      ("train", .done),
    ] as [(String, JobState)] {
      try bench.admit("\(kind)-\(state)", kind: kind, state)
    }
    // One that is made makes up for a newer one that is not.
    try bench.admit("train-done", kind: "train", .failed)
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    for (model, doubt) in [
      ("train-failed", "train train-failed (job 1) failed"),
      ("train-cancelled", "train train-cancelled (job 2) was cancelled"),
      ("sample-done", "sample sample-done (job 3) is not a train job"),
      ("train-queued", nil), ("train-done", nil), (6, "train train-done (job 6) failed"), (5, nil),
      ("absent", "there is no job absent"), (99, "there is no job 99"),
    ] as [(JSONValue, String?)] {
      for (kind, key) in [("sample", "model"), ("train", "init")] {
        var job = try #require(Bench.job(named: "x", kind: kind).object)
        job[key] = ["job": model]
        let (_, errors, code) = try ddpmctl("submit", bench.file(.object(job)))
        #expect(code == 0)
        if let doubt {
          #expect(errors.hasPrefix("warning: $.\(key).job: \(doubt)"), "\(errors)")
        } else {
          #expect(errors == "")
        }
      }
    }
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
    case .failed: #expect(errors.hasSuffix("failed: the reason\n"))
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

  @Test func ofSeveralJobsWithOneNameItSaysWhichIsMeant() throws {
    for state in [.done, .queued, .done] as [JobState] { try bench.admit("a", state) }
    let results = try ddpmctl("results", "a")
    #expect(results.output == bench.layout.jobDirectory(3).results + "\n")
    #expect(results.errors == "3 jobs are named a; job 3 is meant\n")
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    let cancel = try ddpmctl("cancel", "a")
    #expect(cancel.code == 0)
    #expect(cancel.errors.hasPrefix("3 jobs are named a; job 2 is meant\n"))
    #expect(try JobQueue(bench.layout).find(2)?.entry.cancelRequested == true)
  }

  @Test func theSpoolMayBeNamedBeforeTheCommand() throws {
    for words in [["--root", "/absent", "list"], ["list", "--root", "/absent"]] {
      #expect(try bench.run(words).errors.contains("there is no spool in /absent"))
    }
  }

  @Test func cancelWritesACommand() throws {
    try bench.admit("a", .queued)
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    let (_, errors, code) = try ddpmctl("cancel", "a")
    #expect(code == 0, "\(errors)")
    #expect(try JobQueue(bench.layout).find(1)?.entry.cancelRequested == true)
    #expect(
      try JSONValue(parsing: ddpmctl("list", "--json").output).array?.first?["cancel_requested"]
        == true)
  }

  @Test func commandsSayWhatBecomesOfTheJob() throws {
    try bench.admit("a", .queued)
    try bench.admit("b", .failed, reason: "no luck")
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    #expect(
      try ddpmctl("hold", "a").errors
        == "sample a (job 1) waits; let it run with: ddpmctl release 1\n")
    #expect(try ddpmctl("release", "a").errors == "sample a (job 1) runs when there is room\n")
    #expect(try ddpmctl("priority", "a", "--", "-5").errors == "sample a (job 1) has priority -5\n")
    #expect(try JobQueue(bench.layout).find(1)?.entry.priority == -5)
    #expect(try ddpmctl("retry", "b").errors == "sample b (job 2) runs when there is room\n")
    #expect(try JobQueue(bench.layout).state(of: 2) == .queued)
    let refused = try ddpmctl("retry", "7")
    #expect(refused.code == 1 && refused.errors.contains("there is no job 7"))
    #expect(try ddpmctl("priority", "a", "1001").code == 64)
    let list = try ddpmctl("list").output
    #expect(list.contains("PRIORITY") && list.contains("-5"))
    #expect(try ddpmctl("show", "a").output.contains("Priority"))
  }

  @Test func theCommandLineAddsToTheJobsFile() throws {
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    let file = try bench.file(Bench.job(named: "x"))
    #expect(try ddpmctl("submit", file).output == "1\n")
    let words = ["--priority", "7", "--hold", "--after", "1", "--after", "x", "--key", "k"]
    for _ in 0..<2 {
      #expect(try bench.run(["submit", file] + words).output == "2\n", "one key is one job")
    }
    let found = try #require(try JobQueue(bench.layout).find(2))
    #expect(found.state == .held && found.entry.priority == 7)
    #expect(found.entry.after == [.init(job: 1, when: .ok), .init(job: 1, when: .ok)])
    let wrong = try bench.run(["submit", file, "--key", "a b"])
    #expect(wrong.code == 65 && wrong.errors.contains("$.queue.idempotency_key"))
  }

  @Test func aPauseIsShownUntilTheQueueIsResumed() throws {
    try bench.admit("a", .queued)
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    #expect(try ddpmctl("drain").errors.contains("nothing runs, and no more jobs start"))
    #expect(try ddpmctl("status").output.contains("  paused by "))
    #expect(try ddpmctl("list").output.hasSuffix("  the queue is paused\n"))
    #expect(try JSONValue(parsing: ddpmctl("status", "--json").output)["paused"] == true)
    #expect(try ddpmctl("resume").errors == "jobs start again\n")
    #expect(try !ddpmctl("status").output.contains("paused"))
  }

  @Test func endedJobsAreRemovedOnRequest() throws {
    for name in ["a", "b", "c"] { try bench.admit(name, name == "b" ? .failed : .done) }
    try bench.admit("d", .queued)
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    #expect(try ddpmctl("purge").code == 64)
    #expect(
      try ddpmctl("purge", "--keep", "1", "--dry-run").output
        == "sample a (job 1), done\nsample b (job 2), failed\n")
    #expect(try ddpmctl("purge", "--older-than", "1d").errors == "there is nothing to remove\n")
    #expect(try ddpmctl("purge", "--state", "failed").errors == "sample b (job 2) is removed\n")
    #expect(try ddpmctl("remove", "a").errors == "sample a (job 1) is removed\n")
    #expect(try SpoolReader(bench.layout).jobs().map(\.id) == [3, 4])
    let refused = try ddpmctl("remove", "d")
    #expect(refused.code == 1 && refused.errors.contains("cancel it first: ddpmctl cancel 4"))
  }

  @Test func aTrainJobIsExtended() throws {
    try bench.admit("a", kind: "train", .done)
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    #expect(try ddpmctl("extend", "a", "--steps", "9").errors == "train a (job 1) has 9 steps\n")
    #expect(try ddpmctl("show", "a").output.contains("to 9 steps"))
    #expect(try ddpmctl("extend", "a", "--steps", "0").code == 64)
    #expect(try ddpmctl("extend", "a", "--steps", "3").errors.contains("has 9 steps"))
  }

  @Test func logsFollowAJobToItsEnd() throws {
    try bench.admit("a", .queued)
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
    #expect(try ddpmctl("show", "0").errors.contains("allowed is a job's number, from 1 on"))
    let wrong = try ddpmctl("lsit")
    #expect(wrong.code == 64)
    #expect(wrong.errors.contains(#"there is no command "lsit"; did you mean "list"?"#))
    #expect(try ddpmctl("--version").output == "\(ddpmdVersion)\n")
  }
}
