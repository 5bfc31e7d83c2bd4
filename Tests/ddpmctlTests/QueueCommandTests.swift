import DurableIO
import Foundation
import Jobs
import Spool
import StrictJSON
import Testing

/// The real program's commands about the queue.
@Suite(.timeLimit(.minutes(10))) struct QueueCommandTests {
  private let bench: Bench

  init() throws { bench = try Bench() }

  private func ddpmctl(_ arguments: String...) throws -> (
    output: String, errors: String, code: Int32
  ) {
    try bench.run(arguments)
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
    for words in [["a", "--", "-5"], ["a", "-5"], ["a", "-5", "--root", bench.root]] {
      #expect(
        try bench.run(["priority"] + words).errors == "sample a (job 1) has priority -5\n")
    }
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
    let words = [
      "--priority", "-7", "--hold", "--after", "1", "--after", "x", "--after", "1-1", "--key", "k",
    ]
    for _ in 0..<2 {
      #expect(try bench.run(["submit", file] + words).output == "2\n", "one key is one job")
    }
    let found = try #require(try JobQueue(bench.layout).find(2))
    #expect(found.state == .held && found.entry.priority == -7)
    #expect(found.entry.after == Array(repeating: .init(job: 1, when: .ok), count: 3))
    let wrong = try bench.run(["submit", file, "--key", "a b"])
    #expect(wrong.code == 65 && wrong.errors.contains("$.queue.idempotency_key"))
  }

  @Test func aPauseIsShownUntilTheQueueIsResumed() throws {
    try bench.admit("a", .queued)
    #expect(try ddpmctl("list", "--state", "held").errors == "no job is held\n")
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
    for name in ["d", "c"] { try bench.admit(name, .queued) }
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    #expect(try ddpmctl("purge").code == 64)
    #expect(
      try ddpmctl("purge", "--keep", "1", "--dry-run").output
        == "sample a (job 1), done\nsample b (job 2), failed\n")
    #expect(try ddpmctl("purge", "--older-than", "1d").errors == "there is nothing to remove\n")
    #expect(try ddpmctl("purge", "--state", "failed").errors == "sample b (job 2) is removed\n")
    #expect(try ddpmctl("remove", "a").errors == "sample a (job 1) is removed\n")
    #expect(try SpoolReader(bench.layout).jobs().map(\.id) == [3, 4, 5])
    let refused = try ddpmctl("remove", "d")
    #expect(refused.code == 1 && refused.errors.contains("cancel it first: ddpmctl cancel 4"))
    // Not an older one of the name either.
    let newest = try ddpmctl("remove", "c")
    #expect(newest.code == 1 && newest.errors.contains("cancel it first: ddpmctl cancel 5"))
    #expect(try SpoolReader(bench.layout).jobs().map(\.id) == [3, 4, 5])
  }

  @Test func aRemovalThatLeavesFilesSaysSo() throws {
    try bench.admit("a", .done)
    let obstacle = "cannot clear away job 1: cannot remove /x: Permission denied"
    let daemon = try AdmittingDaemon(bench, obstacle: obstacle)
    defer { daemon.stop() }
    #expect(
      try ddpmctl("remove", "a").errors
        == "sample a (job 1) is removed, but not all of its files: \(obstacle)\n")
    #expect(try ddpmctl("status").output.contains("  \(obstacle)\n"))
  }

  @Test func anArrayIsSubmittedAndCommandedByItsNumbers() throws {
    var job = Bench.job(named: "sweep").object ?? [:]
    job["array"] = ["seed": [1, 2, 3]]
    let file = try bench.file(.object(job))
    #expect(
      try ddpmctl("validate", file).output.hasSuffix("a good array of 3 sample jobs, sweep\n"))
    let specs = try JSONValue(parsing: ddpmctl("validate", "--json", file).output).array
    #expect(specs?.map { $0["seed"] } == [1, 2, 3])
    try bench.admit("first", .done)
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    #expect(try ddpmctl("submit", file).output == "2-4\n")
    let list = try ddpmctl("list").output
    for name in ["sweep [1/3]", "sweep [2/3]", "sweep [3/3]"] { #expect(list.contains(name)) }
    #expect(try ddpmctl("show", "3").output.contains("job 2 of 3, jobs 2-4: seed = 2"))
    let json = try JSONValue(parsing: ddpmctl("show", "3", "--json").output)
    #expect(
      json["array"] == ["first": 2, "place": 2, "count": 3, "values": ["seed": 2]])
    // Of a range those are meant that the command is for.
    let priorities = try ddpmctl("priority", "1-3", "7").errors
    #expect(
      priorities == "sample sweep (job 2) has priority 7\nsample sweep (job 3) has priority 7\n")
    let cancelled = try ddpmctl("cancel", "1-9").errors
    #expect(cancelled.split(separator: "\n").count == 3)
    #expect(
      try [2, 3, 4].allSatisfy {
        try JobQueue(bench.layout).find($0)?.entry.cancelRequested == true
      })
    #expect(try ddpmctl("remove", "1-4").errors == "sample first (job 1) is removed\n")
    for (range, words) in [
      ("8-9", "there are no jobs 8 to 9"), ("2-4", "there is nothing to do for the jobs 2 to 4"),
    ] {
      let refused = try ddpmctl("remove", range)
      #expect(refused.code == 1 && refused.errors.contains(words))
    }
    for wrong in ["3-2", "0-3", "1-100001"] { #expect(try ddpmctl("cancel", wrong).code == 64) }
  }

  /// The first refusal does not keep the others from being commanded.
  @Test func manyCommandsAreGivenAtOnce() throws {
    for name in ["a", "b", "c"] { try bench.admit(name, .queued) }
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    let result = try ddpmctl("retry", "a", "b", "c")
    #expect(result.code == 0 && result.errors.split(separator: "\n").count == 3)
    try JobQueue(bench.layout).move(2, from: .queued, to: .running)
    let mixed = try ddpmctl("retry", "a", "b", "c")
    #expect(mixed.code == 1 && mixed.errors.contains("sample b (job 2) is running"))
    #expect(mixed.errors.contains("sample c (job 3) runs when there is room"))
  }

  @Test func aJobIsEdited() throws {
    try bench.admit("a", .held)
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    func edit(with editor: String) throws -> (output: String, errors: String, code: Int32) {
      try Invocation(["edit", "1"], root: bench.root, environment: ["EDITOR": editor]).end()
    }
    #expect(try edit(with: "true").errors == "nothing was changed\n")
    #expect(try edit(with: "false").errors.contains("false failed"))
    #expect(
      try edit(with: #"sed -i 's/"count": 1/"count": 3/'"#).errors
        == "sample a (job 1) is changed\n")
    guard case .sample(let spec)? = try SpoolReader(bench.layout).job(1)?.envelope?.spec.work else {
      Issue.record("it is no sample job")
      return
    }
    #expect(spec.count == 3)
    // What is wrong is kept.
    let wrong = try edit(with: #"sed -i 's/"count": 3/"count": 0/'"#)
    #expect(wrong.code == 65 && wrong.errors.contains("$.count: found 0"))
    let path = try #require(wrong.errors.firstMatch(of: /is in (\/tmp\/ddpmctl-[^;]*);/)?.output.1)
    #expect(wrong.errors.contains("try again with: ddpmctl edit 1 \(path)"))
    #expect(try String(decoding: readFile(String(path)), as: UTF8.self).contains("\"count\": 0"))
    try Directory.removeTree(String(path.dropLast("/job-1.json".count)))
    let file = try bench.file(Bench.job(named: "b"))
    #expect(try ddpmctl("edit", "a", file).errors == "sample a (job 1) is changed\n")
    #expect(try ddpmctl("list").output.contains("b"))
    let refused = try ddpmctl("edit", "7", file)
    #expect(refused.code == 1 && refused.errors.contains("there is no job 7"))
  }

  /// What is so already is no failure, what cannot be is one; a daemon says the same.
  @Test func nothingToDoIsToldFromNotPossible() throws {
    for state in [JobState.done, .failed, .cancelled, .queued, .queued] {
      try bench.admit("\(state)", state)
    }
    try JobQueue(bench.layout).move(5, from: .queued, to: .running)
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    for (command, jobs, code) in [
      ("cancel", "1", 0), ("cancel", "3", 0), ("cancel", "1-3", 0), ("release", "4", 0),
      ("release", "4-5", 0), ("retry", "4", 0), ("retry", "4-4", 0),
      ("hold", "1", 1), ("hold", "1-3", 1), ("release", "1", 1), ("release", "1-2", 1),
      ("retry", "1", 1), ("retry", "1-1", 1), ("retry", "5", 1), ("remove", "4", 1),
      ("remove", "4-5", 1), ("priority", "1", 1), ("priority", "1-2", 1), ("cancel", "8", 1),
      ("cancel", "8-9", 1),
    ] as [(String, String, Int32)] {
      let words = [command, jobs] + (command == "priority" ? ["3"] : [])
      let result = try bench.run(words)
      #expect(result.code == code, "\(words): \(result.errors)")
      #expect(!result.errors.isEmpty)
    }
    #expect(try JobQueue(bench.layout).find(4)?.entry == QueueEntry(id: 4))
    // A command that the daemon refuses is not a wrong file, and none that lies about.
    let refused = try ddpmctl("edit", "5", "--set", "seed=3")
    #expect(refused.code == 1 && refused.errors.contains("the edit was refused: job 5 is running"))
    // Its reason is there, and told, before itself.
    while try Directory.names(in: bench.layout.rejected).count < 2 { usleep(1000) }
    #expect(try !ddpmctl("status").output.contains("refused files"))
    #expect(try JSONValue(parsing: ddpmctl("status", "--json").output)["rejected_files"] == 0)
    try Data("[]".utf8).write(to: URL(filePath: bench.layout.drop + "/wrong.json"))
    while try SpoolReader(bench.layout).rejectedFiles().count == 0 { usleep(1000) }
    let status = try ddpmctl("status").output.split(separator: "\n")
    #expect(status.dropLast().last?.hasPrefix("refused files: 1, each with its reason") == true)
    #expect(status.last?.contains(/^  the last, [0-9]+ s ago, .+\.json: .+/) == true, "\(status)")
  }

  /// A list of some jobs: of these numbers, of all with these names, of a user.
  @Test func aListIsOfTheJobsThatAreAskedFor() throws {
    for name in ["a", "b", "a", "c"] { try bench.admit(name, .queued) }
    func listed(_ words: String...) throws -> [Int?] {
      let json = try JSONValue(parsing: try bench.run(["list", "--json"] + words).output)
      return try #require(json.array).map { $0["id"]?.int }
    }
    #expect(try listed() == [1, 2, 3, 4])
    #expect(try listed("a") == [1, 3])
    #expect(try listed("4", "1-2", "b") == [1, 2, 4])
    #expect(try listed("a", "--state", "held") == [])
    #expect(try listed("--user", "\(geteuid())") == [1, 2, 3, 4])
    #expect(try listed("--user", "nobody") == [])
    #expect(try ddpmctl("list", "--user", "nobody").errors == "no job is of that kind\n")
    let missing = try ddpmctl("list", "d")
    #expect(missing.code == 1 && missing.errors.contains("there is no job d"))
    let nobody = try ddpmctl("list", "--user", "no such user")
    #expect(nobody.code == 64 && nobody.errors.contains("a user's name or number"))
  }

  /// Where several jobs make sense a range is as good as their numbers; elsewhere it says so.
  @Test func rangesAreTakenByAllCommandsThatTakeSeveralJobs() throws {
    for _ in 1...2 { try bench.admit("a", kind: "train", .done) }
    try bench.admit("b", .done)
    for command in ["show", "show --json", "results", "compare", "report", "watch"] {
      let words = command.split(separator: " ").map(String.init)
      let range = try bench.run(words + ["1-3"], in: bench.root)
      let listed = try bench.run(words + ["1", "2", "3"], in: bench.root)
      #expect(range == listed && range.code == 0, "\(range)")
      #expect(!(range.output + range.errors).isEmpty)
    }
    #expect(try ddpmctl("plot", "1-3").output == ddpmctl("plot", "1", "2").output)
    #expect(try ddpmctl("compare", "3-3").code == 64)
    #expect(try ddpmctl("report", "1-2", "-o", "x.html").code == 64)
    for command in ["logs 1-2", "open 1-2", "diff 1-2 3", "edit 1-2"] {
      let (_, errors, code) = try bench.run(command.split(separator: " ").map(String.init))
      #expect(code == 64, "\(command)")
      #expect(errors.contains("one job is expected here, and that is a range of them"))
    }
  }

  @Test func aKeyOfAFailedJobIsSet() throws {
    try bench.admit("a", .failed, reason: "no memory")
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    let words = ["edit", "a", "--set", "queue.memory_limit=4GiB", "--set", "seed=7"]
    #expect(
      try bench.run(words).errors
        == "sample a (job 1) is changed; run it again with: ddpmctl retry 1\n")
    let spec = try #require(try SpoolReader(bench.layout).job(1)?.envelope?.spec)
    #expect(spec.seed == 7 && spec.queue.memoryLimit == 4 << 30)
    #expect(try ddpmctl("show", "a").output.contains("failed: no memory"))
    #expect(try ddpmctl("retry", "a").errors == "sample a (job 1) runs when there is room\n")
    let wrong = try ddpmctl("edit", "a", "--set", "cuont=7")
    #expect(wrong.code == 65)
    #expect(wrong.errors == "ddpmctl: job 1: $: unknown key \"cuont\"; did you mean \"count\"?\n")
    for wrong in ["count", "=3", "a..b=1"] {
      #expect(try ddpmctl("edit", "a", "--set", wrong).code == 64)
    }
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
}
