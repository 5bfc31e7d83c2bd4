import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

/// Jobs that are removed: wholly or not at all, wherever the daemon dies, and their numbers with
/// them.
@Suite struct JobRemovalTests {
  /// Jobs 1, 2, … in these states, each of them with files in its folder.
  private func spool(_ states: [JobState]) throws -> TestSpool {
    let spool = try TestSpool(onDisk: false)
    for (index, state) in states.enumerated() {
      let id = index + 1
      let key = "\"queue\": {\"idempotency_key\": \"k\(id)\"}, \"count\""
      let file = jobFile("job-\(id)").replacing("\"count\"", with: key)
      let token = try Submission.submit(Array(file.utf8), to: spool.layout)
      try spool.startDaemon()
      #expect(try Submission.outcome(of: token, in: spool.layout) == .accepted(job: id))
      try Directory.create(spool.layout.jobDirectory(id).results + "/samples")
      try AtomicFile.write(
        "x", to: spool.layout.jobDirectory(id).results + "/samples/0.png", synced: false)
      if state != .queued {
        var entry = QueueEntry(id: id)
        entry.ended = .now()
        try spool.queue.move(entry, from: .queued, to: state)
      }
    }
    return spool
  }

  private func expectNothingLeft(of id: Int, in spool: TestSpool) throws {
    #expect(try spool.queue.state(of: id) == nil)
    #expect(try !Directory.exists(spool.layout.jobDirectory(id).path))
    #expect(try !Directory.exists("\(spool.layout.keys)/\(geteuid()):k\(id)"))
    #expect(try spool.names(spool.layout.removing).isEmpty)
  }

  @Test(arguments: [JobState.done, .failed, .cancelled])
  func aJobIsRemovedWithAllThatIsItsOwn(state: JobState) throws {
    let spool = try spool([state, .done])
    try spool.drop("remove.json", commandFile("remove", 1))
    var admission = try spool.admission()
    #expect(admission.scan().compactMap(\.command) == [.job(1, .remove)])
    #expect(try spool.queue.state(of: 1) == nil, "nobody sees it any more")
    try JobRemoval(spool.layout).finish(1)
    try expectNothingLeft(of: 1, in: spool)
    #expect(try spool.names(spool.layout.receipts).count == 1)
    #expect(try spool.jobs().keys.sorted() == ["job-2"])
    try spool.drop("again.json", commandFile("remove", 1))
    #expect(admission.scan().first?.rejection == "there is no job 1")
  }

  @Test(arguments: [JobState.queued, .running, .deferred, .held])
  func whatIsNotOverIsNotRemoved(state: JobState) throws {
    let spool = try spool([state])
    try spool.drop("remove.json", commandFile("remove", 1))
    var admission = try spool.admission()
    #expect(admission.scan().first?.rejection == "job 1 is not over; cancel it first")
    #expect(try spool.queue.state(of: 1) == state)
  }

  @Test(arguments: [FaultPlan.Fault.crash, .failure(EIO)])
  func killedAnywhereAJobIsRemovedOnceAndNoNumberComesBack(fault: FaultPlan.Fault) throws {
    var index = 0
    while true {
      let spool = try spool([.done, .failed])
      let file = Array(commandFile("remove", 2).utf8)
      let token = try Submission.submit(file, to: spool.layout)
      var admission = try spool.admission()
      let plan = FaultPlan(at: index, fault)
      Syscalls.$fileSystem.withValue(plan) {
        if !admission.scan().compactMap(\.command).isEmpty {
          _ = try? JobRemoval(spool.layout).finish(2)
        }
      }
      // The scan of this one still finds what the recovery left, the next clears it away.
      try spool.startDaemon()
      try spool.startDaemon()
      try expectNothingLeft(of: 2, in: spool)
      #expect(try Submission.outcome(of: token, in: spool.layout) == .accepted(job: 2))
      #expect(try spool.queue.state(of: 1) == .done)
      try spool.drop("next.json", jobFile("next"))
      try spool.startDaemon()
      #expect(try spool.jobs()["next"]?.id == 3)
      try spool.expectAtRest()
      if !plan.struck { break }
      index += 1
    }
    #expect(index > 30)
  }

  // MARK: Retention

  private func purge(
    _ spool: TestSpool, age: Int? = nil, count: Int? = nil, sparing needed: Set<Int> = [],
    names: Set<String> = [], atMost limit: Int = 100, after seconds: Int64 = 0
  ) throws -> [Int] {
    let (removed, troubles) = try purgeAll(
      spool, age: age, count: count, sparing: needed, names: names, atMost: limit, after: seconds)
    #expect(troubles.isEmpty)
    return removed
  }

  private func purgeAll(
    _ spool: TestSpool, age: Int? = nil, count: Int? = nil, sparing needed: Set<Int> = [],
    names: Set<String> = [], atMost limit: Int = 100, after seconds: Int64 = 0
  ) throws -> (removed: [Int], troubles: [RemovalTrouble]) {
    var retention = JobRemoval.Retention()
    (retention.age, retention.count) = (age.map { .seconds($0) }, count)
    return try JobRemoval(spool.layout).purge(
      retention, sparing: needed, names: names, atMost: limit,
      now: Timestamp(milliseconds: Timestamp.now().milliseconds + seconds * 1000))
  }

  @Test func onlySoManyEndedJobsAreKept() throws {
    let states: [JobState] = [.done, .queued, .failed, .cancelled, .held, .done]
    let spool = try spool(states)
    #expect(try purge(spool, count: 4).isEmpty)
    #expect(try purge(spool, count: 2, atMost: 1) == [1])
    #expect(try purge(spool, count: 2) == [3])
    #expect(try purge(spool, count: 0, sparing: [4]) == [6])
    #expect(try spool.jobs().values.map(\.id).sorted() == [2, 4, 5])
    for id in [1, 3, 6] { try expectNothingLeft(of: id, in: spool) }
  }

  @Test func jobsThatEndedLongAgoAreRemoved() throws {
    let spool = try spool([.done, .queued, .failed])
    // One whose daemon noted no time is as old as its entry.
    try spool.queue.update(QueueEntry(id: 3), in: .failed)
    #expect(try purge(spool, age: 60, after: 30).isEmpty)
    #expect(try purge(spool, age: 60, after: 90) == [1, 3])
    #expect(try spool.queue.state(of: 2) == .queued)
  }

  @Test func modelsThatAreWantedByNameAreKept() throws {
    let spool = try TestSpool(onDisk: false)
    for (index, name) in ["shirts", "shoes"].enumerated() {
      try spool.drop(
        "\(index).json",
        """
        {"schema": "ddpm.job/1", "kind": "train", "name": "\(name)", "seed": 1,
         "dataset": {"type": "images", "path": "/i"}, "unet": {"preset": "fashion-mnist-28"},
         "scheduler": {}, "training": {"batch_size": 1, "steps": 1}}
        """)
    }
    try spool.startDaemon()
    for id in 1...2 { try spool.queue.move(id, from: .queued, to: .done) }
    #expect(try purge(spool, count: 0, names: ["shirts"]) == [2])
  }
}
