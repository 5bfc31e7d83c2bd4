import DurableIO
import Glibc
import Jobs
import StrictJSON
import Testing

@testable import Spool

/// Jobs that become others before they run.
@Suite struct EditTests {
  private func editFile(_ id: Int = 1, _ file: String) -> String {
    commandFile("edit", id, ", \"file\": \(file)")
  }

  /// A job file with a section `queue`.
  private func jobFile(_ name: String, _ queue: String) -> String {
    SpoolTests.jobFile(name).replacing("\"count\"", with: "\"queue\": {\(queue)}, \"count\"")
  }

  /// A queue with jobs 1, named old, and 2, named other.
  private func spool(onDisk: Bool = true, queue: String = "") throws -> TestSpool {
    let spool = try TestSpool(onDisk: onDisk)
    try spool.drop("a.json", jobFile("old", queue))
    try spool.startDaemon()
    try spool.drop("b.json", SpoolTests.jobFile("other"))
    try spool.startDaemon()
    return spool
  }

  private func edit(_ spool: TestSpool, _ file: String, of id: Int = 1) throws -> Admission.Outcome?
  {
    try spool.drop("edit.json", editFile(id, file))
    var admission = try spool.admission()
    return admission.scan().first
  }

  @Test func theJobIsAnotherOneWithItsNumber() throws {
    let spool = try spool()
    let before = try #require(try spool.reader.job(2)?.envelope)
    let new = jobFile("new", #""priority": 5, "after": [{"job": "old", "when": "any"}]"#)
    guard
      case .edited(let envelope, let entry, in: .queued, by: geteuid())? = try edit(
        spool, new, of: 2)
    else {
      Issue.record("it is not edited")
      return
    }
    let job = try #require(try spool.reader.job(2))
    #expect(job.envelope == envelope && job.entry == entry)
    #expect(envelope.spec.name == "new")
    #expect(try envelope.job == JSONValue(parsing: Array(new.utf8)))
    #expect(envelope.submitted == before.submitted && envelope.submitter == before.submitter)
    #expect(envelope.fileName == "b.json" && envelope.edited != nil)
    #expect(entry.priority == 5 && entry.after == [.init(job: 1, when: .any)])
    #expect(try spool.jobs().keys.sorted() == ["new", "old"])
    try spool.expectAtRest()
    // And back, which leaves nothing of the edit in its place in the queue.
    _ = try edit(spool, SpoolTests.jobFile("other"), of: 2)
    #expect(try spool.reader.job(2)?.entry == QueueEntry(id: 2))
  }

  /// Only root can give files away, which this needs.
  @Test(.enabled(if: geteuid() == 0)) func whoEditsTheJobOfAnotherIsRemembered() throws {
    let spool = try TestSpool()
    try spool.drop("job.json", SpoolTests.jobFile("old"))
    try #require(unsafe chown(spool.layout.drop + "/job.json", 1001, 1001) == 0)
    try spool.startDaemon()
    _ = try edit(spool, SpoolTests.jobFile("new"))
    let edited = try #require(try spool.reader.job(1)?.envelope)
    #expect(edited.submitter == 1001 && edited.editor == 0)
    try spool.drop("edit.json", editFile(1, SpoolTests.jobFile("newer")))
    try #require(unsafe chown(spool.layout.drop + "/edit.json", 1001, 1001) == 0)
    var admission = try spool.admission()
    _ = admission.scan()
    let own = try #require(try spool.reader.job(1)?.envelope)
    #expect(own.submitter == 1001 && own.editor == nil && own.spec.name == "newer")
  }

  @Test func anEditHoldsAJobAndNeverReleasesOne() throws {
    let spool = try spool()
    _ = try edit(spool, jobFile("new", #""hold": true"#))
    #expect(try spool.queue.find(1)?.state == .held)
    _ = try edit(spool, SpoolTests.jobFile("newer"))
    #expect(try spool.queue.find(1)?.state == .held)
    #expect(try spool.queue.find(1)?.entry.holdRequested == true)
    #expect(try spool.reader.job(1)?.envelope?.spec.name == "newer")
  }

  @Test func aJobWhoseWorkerCouldNotBeStartedIsEdited() throws {
    let spool = try spool()
    var entry = QueueEntry(id: 1)
    entry.notBefore = .now()
    try spool.queue.move(entry, from: .queued, to: .deferred)
    _ = try edit(spool, SpoolTests.jobFile("new"))
    let found = try #require(try spool.queue.find(1))
    #expect(found.state == .queued && found.entry.notBefore == nil)
  }

  /// One that failed or was cancelled before it ran, too: it stays so until it is retried.
  @Test func aJobThatIsOverIsEditedAndDoesNotRun() throws {
    for state in [JobState.failed, .cancelled] {
      let spool = try spool()
      var entry = QueueEntry(id: 1)
      (entry.reason, entry.ended) = ("why", .now())
      try spool.queue.move(entry, from: .queued, to: state)
      _ = try edit(spool, jobFile("new", #""priority": 4, "hold": true"#))
      let job = try #require(try spool.reader.job(1))
      entry.priority = 4
      #expect(job.state == state && job.entry == entry && job.envelope?.spec.name == "new")
      try spool.drop("retry.json", commandFile("retry", 1))
      var admission = try spool.admission()
      _ = admission.scan()
      #expect(try spool.queue.find(1)?.state == .queued)
    }
  }

  /// What does not change the results may change behind a run, and nothing else.
  @Test func whatHasRunKeepsItsResults() throws {
    for state in [JobState.queued, .held, .deferred, .failed, .cancelled] {
      let spool = try spool(queue: #""memory_limit": "1 GiB""#)
      try AtomicFile.write("", to: spool.layout.jobDirectory(1).log)
      if state != .queued { try spool.queue.move(1, from: .queued, to: state) }
      let new = SpoolTests.jobFile("old").replacing("\"count\"", with: "\"threads\": 2, \"count\"")
      for file in [jobFile("old", #""memory_limit": "2 GiB", "time_limit": "1h""#), new] {
        #expect(try edit(spool, file)?.rejection == nil)
        #expect(
          try spool.reader.job(1)?.envelope?.job == JSONValue(parsing: Array(file.utf8)))
      }
      for file in [SpoolTests.jobFile("new"), new.replacing("\"count\": 4", with: "\"count\": 5")] {
        try #require(file != new)
        #expect(try edit(spool, file)?.rejection?.hasPrefix("job 1 has run already") == true)
      }
    }
  }

  /// A job that has waited for another one does not look for that one again.
  @Test func whatWasWaitedForIsNotWaitedForAgain() throws {
    let after = #""after": [{"job": 1}]"#
    let spool = try spool()
    _ = try edit(spool, jobFile("other", after), of: 2)
    var entry = QueueEntry(id: 2)
    #expect(try spool.queue.find(2)?.entry.after == [.init(job: 1, when: .ok)])
    try spool.queue.update(entry, in: .queued)
    _ = try edit(spool, jobFile("other", after + #", "priority": 3"#), of: 2)
    entry.priority = 3
    #expect(try spool.queue.find(2)?.entry == entry)
  }

  @Test func whatRunsOrIsDoneIsNotEdited() throws {
    let new = SpoolTests.jobFile("new")
    for (state, words) in [
      (JobState.running, "is running"), (.done, "is over already: done"),
    ] {
      let spool = try spool()
      try spool.queue.move(1, from: .queued, to: state)
      #expect(try edit(spool, new)?.rejection?.contains(words) == true)
      #expect(try spool.reader.job(1)?.envelope?.spec.name == "old")
    }
    let spool = try spool()
    try AtomicFile.write("", to: spool.layout.jobDirectory(1).log)
    #expect(try edit(spool, new)?.rejection?.hasPrefix("job 1 has run already") == true)
    var entry = QueueEntry(id: 2)
    entry.cancelRequested = true
    try spool.queue.update(entry, in: .queued)
    #expect(try edit(spool, new, of: 2)?.rejection == "job 2 is being cancelled")
    #expect(try edit(spool, new, of: 3)?.rejection == "there is no job 3")
  }

  @Test func whatIsNoGoodJobIsRefused() throws {
    let spool = try spool(queue: #""idempotency_key": "k""#)
    let key = #""idempotency_key": "k""#
    for (file, reason) in [
      ("null", "$.file: found null"), ("{}", "$.file: the key \"kind\" is missing"),
      (SpoolTests.jobFile("a b"), "$.file.name: found \"a b\""),
      (
        SpoolTests.jobFile("a"),
        "$.file.queue.idempotency_key: the key of job 1 stays what it is: \"k\""
      ),
      (
        jobFile("a", key + #", "after": [{"job": 1}]"#),
        "$.file.queue.after[0].job: there is no job 1 before"
      ),
      (
        jobFile("a", key).replacing("\"count\"", with: "\"array\": {\"seed\": [1]}, \"count\""),
        "$.file.array: an edited job is one job"
      ),
    ] {
      let found = try edit(spool, file)?.rejection
      #expect(found?.hasPrefix(reason) == true, "\(String(describing: found))")
    }
    #expect(try spool.reader.job(1)?.envelope?.edited == nil)
    #expect(try edit(spool, jobFile("a", key))?.rejection == nil)
    // Who submits the old file once more means this job.
    try spool.drop("again.json", jobFile("old", key))
    var admission = try spool.admission()
    guard case .repeated(_, job: 1)? = admission.scan().first else {
      Issue.record("it is another job")
      return
    }
  }

  /// Only root can give files away, which this needs.
  @Test(.enabled(if: geteuid() == 0)) func nobodyEditsTheJobsOfOthers() throws {
    let spool = try spool()
    try spool.drop("edit.json", editFile(1, SpoolTests.jobFile("new")))
    try #require(unsafe chown(spool.layout.drop + "/edit.json", 1001, 1001) == 0)
    var admission = try spool.admission()
    #expect(admission.scan().first?.rejection?.contains("another user") == true)
  }

  @Test(arguments: [FaultPlan.Fault.crash, .failure(ENOSPC)])
  func killedAnywhereNoEditIsLost(fault: FaultPlan.Fault) throws {
    var index = 0
    while true {
      let spool = try spool(onDisk: false)
      let new = jobFile("new", #""hold": true, "priority": 3, "after": [{"job": 1}]"#)
      let token = try Submission.submit(Array(editFile(2, new).utf8), to: spool.layout)
      var admission = try spool.admission()
      let plan = FaultPlan(at: index, fault)
      var outcomes = Syscalls.$fileSystem.withValue(plan) { admission.scan() }
      if fault != .crash {
        outcomes += admission.scan()
        #expect(outcomes.count { if case .edited = $0 { true } else { false } } == 1)
      }
      try spool.startDaemon()
      #expect(try Submission.outcome(of: token, in: spool.layout) == .accepted(job: 2))
      let job = try #require(try spool.jobs()["new"])
      #expect(job.id == 2 && job.state == .held && job.entry.priority == 3)
      #expect(job.entry.after == [.init(job: 1, when: .ok)])
      #expect(try spool.names(spool.layout.rejected).isEmpty)
      try spool.expectAtRest()
      if !plan.struck { break }
      index += 1
    }
    #expect(index > 20)
  }
}
