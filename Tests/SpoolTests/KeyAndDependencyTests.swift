import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

/// Jobs that come twice, jobs that wait for others, and a queue that is paused: what is on disk,
/// wherever the daemon dies.
@Suite struct KeyAndDependencyTests {
  private func jobFile(_ name: String, queue: String) -> String {
    SpoolTests.jobFile(name).replacing("\"count\"", with: "\"queue\": {\(queue)}, \"count\"")
  }

  private func keyed(_ name: String, _ key: String) -> String {
    jobFile(name, queue: "\"idempotency_key\": \"\(key)\"")
  }

  // MARK: Idempotency keys

  @Test func aSecondSubmissionIsTheFirstJob() throws {
    let spool = try TestSpool()
    var admission = try spool.admission()
    try spool.drop("a.json", keyed("job", "k:1"))
    #expect(admission.scan().first?.admitted?.id == 1)
    let token = try Submission.submit(Array(keyed("job", "k:1").utf8), to: spool.layout)
    guard case .repeated(_, job: 1)? = admission.scan().first else {
      Issue.record("the second submission is another job")
      return
    }
    #expect(try Submission.outcome(of: token, in: spool.layout) == .accepted(job: 1))
    try spool.expectAtRest()
    // Nor does it cost a number, in this daemon or the next.
    try spool.drop("b.json", SpoolTests.jobFile("other"))
    #expect(admission.scan().first?.admitted?.id == 2)
    try spool.drop("c.json", keyed("job", "k:1"))
    try spool.startDaemon()
    #expect(try spool.jobs().count == 2)
    // Its place in the queue is no part of what it computes.
    try spool.drop("d.json", jobFile("job", queue: #""idempotency_key": "k:1", "hold": true"#))
    guard case .repeated(_, job: 1)? = admission.scan().first else {
      Issue.record("a job that is held is another job")
      return
    }
  }

  @Test func aKeyIsForOneJobOfOneSubmitter() throws {
    let spool = try TestSpool()
    var admission = try spool.admission()
    try spool.drop("a.json", keyed("job", "k"))
    _ = admission.scan()
    try spool.drop("b.json", keyed("other", "k"))
    let reason = try #require(admission.scan().first?.rejection)
    #expect(reason.hasPrefix("$.queue.idempotency_key: job 1 has the key \"k\""))
    guard geteuid() == 0 else { return }
    try spool.drop("c.json", keyed("job-of-another", "k"))
    try #require(unsafe chown(spool.layout.drop + "/c.json", 1001, 1001) == 0)
    #expect(admission.scan().first?.admitted != nil)
  }

  @Test func aRemovedJobHasNoKey() throws {
    let spool = try TestSpool()
    try spool.drop("a.json", keyed("job", "k"))
    try spool.startDaemon()
    try Directory.remove(spool.layout.queueEntry(1, .queued))
    try Directory.removeTree(spool.layout.jobDirectory(1).path)
    try spool.drop("b.json", keyed("job", "k"))
    try spool.startDaemon()
    #expect(try spool.jobs().values.map(\.id) == [2])
  }

  @Test(arguments: ["", "a b", "a/b", "é", String(repeating: "k", count: 129)])
  func otherKeysAreRefused(_ key: String) throws {
    let spool = try TestSpool()
    try spool.drop("a.json", keyed("job", key))
    var admission = try spool.admission()
    #expect(admission.scan().first?.rejection?.contains("$.queue.idempotency_key") == true)
  }

  /// Two submissions with one key are one job, wherever the daemon dies or the machine fails.
  @Test(arguments: [FaultPlan.Fault.crash, .failure(ENOSPC), .failure(EIO)])
  func killedAnywhereOneKeyIsOneJob(fault: FaultPlan.Fault) throws {
    var index = 0
    while true {
      let spool = try TestSpool(onDisk: false)
      let tokens = try (0..<3).map { _ in
        try Submission.submit(Array(keyed("job", "k").utf8), to: spool.layout)
      }
      var admission = try spool.admission()
      let plan = FaultPlan(at: index, fault)
      _ = Syscalls.$fileSystem.withValue(plan) { admission.scan() }
      if fault != .crash { _ = admission.scan() }
      try spool.startDaemon()
      let job = try #require(try spool.jobs()["job"])
      for token in tokens {
        #expect(try Submission.outcome(of: token, in: spool.layout) == .accepted(job: job.id))
      }
      try spool.expectAtRest()
      if !plan.struck { break }
      index += 1
    }
    #expect(index > 60)
  }

  // MARK: Dependencies

  @Test func namesAreSettledAtAdmission() throws {
    let spool = try TestSpool()
    var admission = try spool.admission()
    for (index, name) in ["a", "b", "a"].enumerated() {
      try spool.drop("\(index).json", SpoolTests.jobFile(name))
    }
    _ = admission.scan()
    let after = #"[{"job": "a"}, {"job": "b", "when": "any"}, {"job": 1, "when": "not ok"}]"#
    try spool.drop("x.json", jobFile("later", queue: "\"after\": \(after)"))
    #expect(admission.scan().first?.admitted?.id == 4)
    try spool.drop("y.json", SpoolTests.jobFile("a"))
    _ = admission.scan()
    let entry = try #require(try spool.queue.find(4)?.entry)
    #expect(
      entry.after == [
        .init(job: 3, when: .ok), .init(job: 2, when: .any), .init(job: 1, when: .notOk),
      ])
  }

  @Test(arguments: [
    (#"{"job": 7}"#, "$.queue.after[0].job: there is no job 7 so far"),
    (#"{"job": 1}"#, "$.queue.after[0].job: there is no job 1 so far"),
    (#"{"job": "x"}"#, "$.queue.after[0].job: there is no job x so far"),
    (#"{"job": "a", "when": "done"}"#, #"$.queue.after[0].when: found "done", allowed is "ok""#),
    ("{}", #"$.queue.after[0]: the key "job" is missing"#),
  ])
  func whatIsNotThereIsNotWaitedFor(_ dependency: String, _ reason: String) throws {
    let spool = try TestSpool()
    try spool.drop("x.json", jobFile("x", queue: "\"after\": [\(dependency)]"))
    var admission = try spool.admission()
    let found = try #require(admission.scan().first?.rejection)
    #expect(found.hasPrefix(reason), "\(found)")
    try spool.expectAtRest()
  }

  /// What it costs does not grow with the queue if the job is named by its number.
  @Test func aNumberIsLookedUpWithoutTheQueue() throws {
    let spool = try TestSpool()
    var admission = try spool.admission()
    try spool.drop("a.json", SpoolTests.jobFile("a"))
    _ = admission.scan()
    try spool.drop("b.json", jobFile("b", queue: #""after": [{"job": 1}]"#))
    let plan = FaultPlan()
    _ = Syscalls.$fileSystem.withValue(plan) { admission.scan() }
    let lists = plan.calls.filter { $0.operation == "list" }.map(\.path)
    #expect(!lists.contains(spool.layout.jobs))
    #expect(!lists.contains { $0.hasPrefix(spool.layout.state + "/queue") })
  }

  // MARK: Pausing

  @Test(arguments: [FaultPlan.Fault.crash, .failure(ENOSPC)])
  func killedAnywhereNoPauseIsLost(fault: FaultPlan.Fault) throws {
    for command in ["pause", "resume"] {
      var index = 0
      while true {
        let spool = try TestSpool(onDisk: false)
        let file = #"{"schema": "ddpm.command/1", "command": "\#(command)"}"#
        if command == "resume" { try AtomicFile.write("{}\n", to: spool.layout.paused) }
        let token = try Submission.submit(Array(file.utf8), to: spool.layout)
        var admission = try spool.admission()
        let plan = FaultPlan(at: index, fault)
        _ = Syscalls.$fileSystem.withValue(plan) { admission.scan() }
        try spool.startDaemon()
        #expect(try Submission.outcome(of: token, in: spool.layout) == .accepted(job: 0))
        let pause = try spool.reader.pause()
        #expect(pause.isPaused == (command == "pause"))
        #expect(pause.by?.user == (command == "pause" ? geteuid() : nil))
        try spool.expectAtRest()
        if !plan.struck { break }
        index += 1
      }
      #expect(index > 10)
    }
  }

  /// Only root can give files away, which this needs.
  @Test(.enabled(if: geteuid() == 0)) func onlyAdministratorsPause() throws {
    let spool = try TestSpool()
    try spool.drop("pause.json", #"{"schema": "ddpm.command/1", "command": "pause"}"#)
    try #require(unsafe chown(spool.layout.drop + "/pause.json", 1001, 1001) == 0)
    var admission = try spool.admission()
    #expect(admission.scan().first?.rejection == "only an administrator may pause the queue")
    #expect(try spool.reader.pause().isPaused == false)
  }
}
