import DurableIO
import Foundation
import Jobs
import Spool
import StrictJSON
import Testing

/// Which jobs the real program lists.
@Suite(.timeLimit(.minutes(3))) struct ListTests {
  private let bench: Bench

  init() throws { bench = try Bench() }

  private func ddpmctl(_ arguments: String...) throws -> (
    output: String, errors: String, code: Int32
  ) {
    try bench.run(arguments)
  }

  /// The numbers in the first column.
  private func listed(_ output: String) -> [Int] {
    output.split(separator: "\n").dropFirst().compactMap { line in
      Int(line.prefix { $0 != " " })
    }
  }

  /// 25 that are done, the first of them last of all, and one that waits.
  private func admitMany() throws {
    var job = try #require(Bench.job(named: "many").object)
    job["array"] = ["seed": .array((1...25).map { .integer($0) })]
    let daemon = try AdmittingDaemon(bench, end: .done)
    _ = try Submission.submit(Array(JSONValue.object(job).serialized().utf8), to: bench.layout)
    while try JobQueue(bench.layout).ids(in: .done).count < 25 { usleep(1000) }
    daemon.stop()
    try bench.admit("one", .queued)
    for id in 1...25 {
      let end = Date(timeIntervalSince1970: id == 1 ? 2000 : Double(id))
      try FileManager.default.setAttributes(
        [.modificationDate: end], ofItemAtPath: bench.layout.queueEntry(id, .done))
    }
  }

  @Test func ofTheJobsThatAreOverThoseThatEndedLastAreListed() throws {
    try admitMany()
    let all = Array(1...26)
    let latest = [1] + Array(7...26)
    let (output, errors, code) = try ddpmctl("list")
    #expect(listed(output) == latest && code == 0)
    #expect(
      errors == "5 jobs that ended earlier are not listed; list them with: ddpmctl list --all\n")
    for words in [["list", "--all"], ["list", "many", "one"], ["list", "1-26"]] {
      let (output, errors, _) = try bench.run(words)
      #expect(listed(output) == all && errors == "", "\(words)")
    }
    let json = try JSONValue(parsing: ddpmctl("list", "--json").output)
    #expect(json.array?.compactMap { $0["id"]?.int } == all)

    let done = try ddpmctl("list", "--state", "done")
    #expect(listed(done.output) == latest.dropLast())
    #expect(done.errors.hasSuffix("with: ddpmctl list --all --state done\n"))
    let mine = try ddpmctl("list", "--user", "\(geteuid())")
    #expect(listed(mine.output) == latest)
    #expect(
      mine.errors == "jobs that ended earlier are not listed; list them with: ddpmctl list --all"
        + " --user \(geteuid())\n")
    let others = try ddpmctl("list", "--user", "\(geteuid() + 1)")
    #expect(others.errors == "no job is of that kind\n")
  }

  @Test func whatTheListCallsTimedOutCanBeAskedFor() throws {
    for name in ["slow", "wrong"] { try bench.admit(name, .queued) }
    for id in 1...2 {
      var entry = QueueEntry(id: id)
      (entry.timedOut, entry.ended) = (id == 1, .now())
      try JobQueue(bench.layout).move(entry, from: .queued, to: .failed)
    }
    for word in ["timed-out", "timed out", "timed_out"] {
      #expect(try listed(ddpmctl("list", "--state", word).output) == [1])
    }
    #expect(try listed(ddpmctl("list", "--state", "failed").output) == [1, 2])
    #expect(
      try ddpmctl("list", "--state", "timedout").errors.contains(#"did you mean "timed-out"?"#))
    let purge = try ddpmctl("purge", "--state", "timed-out", "--dry-run")
    #expect(purge.output == "sample slow (job 1), failed\n")
    let wrong = try ddpmctl("purge", "--state", "queued", "--dry-run")
    #expect(wrong.code == 64)
    #expect(wrong.errors.contains("allowed is done, failed, cancelled, timed-out"))
  }

  @Test func prioritiesAreShownWhereTheyMeanSomething() throws {
    for name in ["a", "b"] { try bench.admit(name, .queued) }
    var entry = QueueEntry(id: 1)
    entry.priority = 3
    try JobQueue(bench.layout).update(entry, in: .queued)
    #expect(try ddpmctl("list").output.contains("PRIORITY"))
    try JobQueue(bench.layout).move(1, from: .queued, to: .done)
    #expect(try !ddpmctl("list").output.contains("PRIORITY"))
  }

  /// What waits can be much; the status says of the first what there is to say.
  @Test func theStatusOfALongQueueIsShort() throws {
    try bench.admit("a", .queued)
    let queue = JobQueue(bench.layout)
    let content = try readFile(bench.layout.queueEntry(1, .queued))
    for id in 2...40 {
      try Directory.create(bench.layout.jobDirectory(id).path)
      try AtomicFile.write(content, to: bench.layout.queueEntry(id, .queued), synced: false)
      var entry = QueueEntry(id: id)
      entry.reason = id > 30 ? "no luck" : "waits for another"
      try queue.move(entry, from: .queued, to: id > 30 ? .failed : .deferred)
    }
    let lines = try ddpmctl("status").output.split(separator: "\n")
    #expect(lines.filter { $0.contains("waits for another") }.count == 10)
    #expect(lines.filter { $0.contains("no luck") }.count == 3)
    #expect(lines.last == "jobs: 1 queued, 29 deferred, 10 failed")
  }
}
