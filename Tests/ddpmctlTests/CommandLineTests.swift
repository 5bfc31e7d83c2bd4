import DurableIO
import Foundation
import Jobs
import Spool
import StrictJSON
import Testing
import Training

@testable import ddpmctl

/// The real program on a real spool, with and without a daemon.
@Suite(.timeLimit(.minutes(10))) struct CommandLineTests {
  private let bench: Bench

  init() throws { bench = try Bench() }

  private func ddpmctl(_ arguments: String...) throws -> (
    output: String, errors: String, code: Int32
  ) {
    try bench.run(arguments)
  }

  /// Nobody takes a part for all.
  @Test(arguments: [
    ["schema"], ["list"], ["list", "--json"], ["status"], ["--help"], ["--version"],
    ["--generate-completion-script", "bash"],
  ])
  func whatCannotBePrintedIsSaid(arguments: [String]) throws {
    try bench.admit("a", .queued)
    let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
    let result = try Invocation(arguments, root: bench.root, output: full).end()
    #expect(result.code == 1)
    #expect(
      result.errors.hasSuffix("ddpmctl: cannot write to standard output: No space left on device\n")
    )
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

  /// A shell's `<(…)` is a pipe.
  @Test func aJobFileMayBeAPipe() throws {
    let job = Bench.job(named: "x").serialized()
    let pipe = bench.root + "/pipe"
    #expect(unsafe mkfifo(pipe, 0o600) == 0)
    let command = try bench.start("validate", pipe)
    try FileHandle(forWritingTo: URL(filePath: pipe)).write(contentsOf: Data(job.utf8))
    #expect(try command.end().code == 0)
  }

  @Test func validateSaysWhatTrainingTakes() throws {
    let (output, errors, code) = try ddpmctl("validate", bench.file(training(blocks: 1, of: 32)))
    #expect(code == 0)
    #expect(!errors.contains("of memory"))
    #expect(output.contains("MiB of memory"))
    #expect(output.contains("s a step"))
    #expect(output.contains("for all 7"))
  }

  /// 200 steps of 2 s; 10 previews of 16 images with 50 predictions of 0.5 s; 7 scores of two sets
  /// of weights on 4096 triples.
  @Test func previewsAndScoresAreCountedAsTime() throws {
    func train(_ training: JSONObject, _ holdout: JSONValue? = nil) throws -> JSONValue {
      var job = try #require(self.training(blocks: 1, of: 32).object)
      job["training"] = .object(
        JSONObject(training.members + [("batch_size", 1), ("steps", 200), ("threads", 1)]))
      job["holdout"] = holdout
      return .object(job)
    }
    let expected: [(JSONValue, Double, String)] = [
      (try train([:]), 400, "for all 200\n"),
      (try train(["preview_every": 20]), 4400, "for all 200 with 10 previews\n"),
      (
        try train([:], ["images": 2, "bank": 4096, "every": 30]), 29072,
        "for all 200 with 7 held-out scores\n"
      ),
    ]
    for (job, seconds, words) in expected {
      let cost = try #require(TrainingCost(of: JobSpec(json: job)))
      #expect(cost.seconds(StepTime(step: 2, prediction: 0.5)) == seconds)
      #expect(try ddpmctl("validate", bench.file(job)).output.hasSuffix(words))
    }
  }

  /// The preset's buffers take 1.2 GiB for certain, its activations some more.
  @Test func aMemoryLimitBelowTheNeedIsNamedBeforeTheJobRuns() throws {
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    func file(_ limit: JSONValue) throws -> String {
      var job = try #require(Bench.job(named: "x", kind: "train").object)
      job["queue"] = ["memory_limit": limit]
      return try bench.file(.object(job))
    }
    let low = try file("1 GiB")
    for command in ["validate", "submit"] {
      let (output, errors, code) = try ddpmctl(command, low)
      #expect(code == 65 && output == "")
      #expect(errors.hasPrefix("\(command == "submit" ? "ddpmctl: " : "")\(low): the network has"))
      #expect(
        errors.contains("and its memory_limit allows 1.0 GiB; raise $.queue.memory_limit, or lower")
      )
    }
    let close = try ddpmctl("submit", file("1230 MiB"))
    #expect(close.code == 0 && close.output == "1\n")
    #expect(
      close.errors.hasPrefix("warning: it takes about 1.2 GiB of memory, and its memory_limit"))
    #expect(try !ddpmctl("submit", file("4 GiB")).errors.contains("its memory_limit"))
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
      let job = Bench.job(named: "x", kind: "train")
      let (output, errors, code) = try ddpmctl("submit", bench.file(job))
      #expect(output == "\(number)\n")
      #expect(errors == "")
      #expect(code == 0)
    }
  }

  /// As the user wrote it, with the reason.
  @Test func filesAreNamedAsTheyWereNamed() throws {
    let missing = try ddpmctl("validate", "./nothere.json")
    #expect(missing.code == 1)
    #expect(missing.errors == "./nothere.json: it cannot be read: No such file or directory\n")
    try bench.admit("a", kind: "train", .done)
    for (words, path) in [("plot a -o", "absent/a.png"), ("report a -o", "absent/a.html")] {
      let (output, errors, code) = try bench.run(
        words.split(separator: " ").map(String.init) + [path], in: bench.root)
      #expect(output == "" && code == 1)
      #expect(errors == "ddpmctl: cannot write \(path): No such file or directory\n")
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

  /// Also where lines are longer than what is read at once.
  @Test(arguments: ["", "\n", "a\nb\nc\n", "a\n\nb", "one", "end\n\n"])
  func logsCanBeginWithTheLastLines(_ end: String) throws {
    try bench.admit("a", .done)
    let text = (1...6).map { String(repeating: "é\($0)", count: $0 * 9000) + "\n" }.joined() + end
    try AtomicFile.write(text, to: bench.layout.jobDirectory(1).log)
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0 + "\n" }
    if text.hasSuffix("\n") { lines.removeLast() } else { lines[lines.count - 1].removeLast() }
    for count in [0, 1, 2, 4, 7, lines.count, 99] {
      let (output, errors, _) = try ddpmctl("logs", "1", "-n", "\(count)")
      #expect(output == lines.suffix(count).joined(), "\(count) lines")
      #expect(errors == "")
    }
    #expect(try ddpmctl("logs", "1", "--lines=-1").code == 64)
  }

  @Test func resultsThatThereAreArePrintedBesideThoseThatThereAreNot() throws {
    for (name, state) in [("a", .queued), ("b", .done)] as [(String, JobState)] {
      try bench.admit(name, state)
    }
    let (output, errors, code) = try ddpmctl("results", "a", "b")
    #expect(output == bench.layout.jobDirectory(2).results + "\n")
    #expect(errors.hasPrefix("ddpmctl: there are no results yet: sample a (job 1)") && code == 1)
  }

  @Test func wrongUsageIsToldFromAllElse() throws {
    #expect(try ddpmctl("list", "--no-such-flag").code == 64)
    #expect(try ddpmctl("show", "a/b").code == 64)
    #expect(try ddpmctl("submit").code == 64)
    #expect(try ddpmctl("show", "0").errors.contains("allowed is a job's number, from 1 on"))
    let wrong = try ddpmctl("lsit")
    #expect(wrong.code == 64)
    #expect(wrong.errors.contains(#"there is no command "lsit"; did you mean "list"?"#))
    for (words, meant) in [
      ("help lsit", #""lsit"; did you mean "list"?"#), ("help nonsense", #""nonsense""#),
      ("model shwo 1", #""model shwo"; did you mean "model show"?"#),
      ("help model shwo", #""model shwo"; did you mean "model show"?"#),
      ("help show 1", #""show 1""#),
    ] {
      let (output, errors, code) = try bench.run(words.split(separator: " ").map(String.init))
      #expect(code == 64 && output == "")
      #expect(errors.contains("there is no command \(meant)"), "\(errors)")
    }
    for words in [["help"], ["help", "show"], ["help", "model", "show"], ["model", "--help"]] {
      #expect(try bench.run(words).code == 0)
    }
    try bench.admit("a", .queued)
    let one = try ddpmctl("compare", "a")
    #expect(one.code == 64 && one.errors == "ddpmctl: two jobs or more are compared\n")
    let metric = try ddpmctl("plot", "1", "--metric", "heldout")
    #expect(metric.code == 64 && metric.errors.contains(#"did you mean "held-out"?"#))
    #expect(try ddpmctl("list", "--state", "runing").errors.contains(#"mean "running"?"#))
    #expect(try ddpmctl("--version").output == "\(ddpmdVersion)\n")
  }
}
