import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

/// Commands besides `cancel`: what they leave in the queue, and that no crash loses or doubles them.
@Suite struct HoldAndRetryTests {
  private func spoolWithJob(in state: JobState) throws -> TestSpool {
    let spool = try TestSpool(onDisk: false)
    try spool.drop("job.json", jobFile("job"))
    try spool.startDaemon()
    if state != .queued { try spool.queue.move(1, from: .queued, to: state) }
    return spool
  }

  @Test(arguments: [JobState.queued, .running, .deferred, .held])
  func aHoldIsNotedWhereTheJobIs(state: JobState) throws {
    let spool = try spoolWithJob(in: state)
    try spool.drop("hold.json", commandFile("hold", 1))
    var admission = try spool.admission()
    #expect(admission.scan().compactMap(\.command) == [.job(1, .hold)])
    let found = try #require(try spool.queue.find(1))
    #expect(found.state == state && found.entry.holdRequested)
    // A daemon that dies now leaves it to the next.
    #expect(try spool.startDaemon().held == (state == .held ? [] : [1]))
    #expect(try spool.queue.state(of: 1) == .held)
    try spool.drop("release.json", commandFile("release", 1))
    #expect(admission.scan().compactMap(\.command) == [.job(1, .release)])
    #expect(try spool.queue.find(1)?.state == .queued)
    #expect(try spool.queue.find(1)?.entry.holdRequested == false)
  }

  @Test func aJobMayComeHeldAndWithAPriority() throws {
    let spool = try TestSpool()
    let queue = #""queue": {"hold": true, "priority": -7}, "count""#
    try spool.drop("job.json", jobFile("job").replacing("\"count\"", with: queue))
    var admission = try spool.admission()
    guard case .admitted(_, let entry, in: .held)? = admission.scan().first else {
      Issue.record("not admitted as held")
      return
    }
    #expect(entry.priority == -7)
    #expect(try spool.queue.find(1)?.entry == entry)
    try spool.startDaemon()
    #expect(try spool.queue.state(of: 1) == .held)
    try spool.drop("priority.json", commandFile("priority", 1, #", "priority": 12"#))
    #expect(admission.scan().compactMap(\.command) == [.job(1, .prioritize(12))])
    #expect(try spool.queue.find(1)?.entry.priority == 12)
  }

  @Test(arguments: [JobState.failed, .cancelled, .deferred, .queued])
  func aJobRunsAgainUnderItsNumber(state: JobState) throws {
    let spool = try spoolWithJob(in: .queued)
    var entry = QueueEntry(id: 1)
    (entry.attempts, entry.crashes, entry.priority) = (3, 5, 4)
    (entry.reason, entry.notBefore, entry.resumedAt) = ("it crashed", .now(), 40)
    entry.cancelRequested = state == .cancelled
    try spool.queue.update(entry, in: .queued)
    if state != .queued { try spool.queue.move(1, from: .queued, to: state) }
    try spool.drop("retry.json", commandFile("retry", 1))
    var admission = try spool.admission()
    let revived = try #require(admission.scan().compactMap(\.revived).first)
    let found = try #require(try spool.queue.find(1))
    #expect(found.state == .queued && found.entry == revived)
    #expect(revived.priority == 4 && !revived.cancelRequested)
    #expect(revived.attempts == 3)
    if state != .queued {
      #expect(revived.crashes == 0 && revived.reason == nil && revived.notBefore == nil)
      #expect(revived.resumedAt == nil)
    }
  }

  @Test(
    arguments: [
      ("retry", .done, "is over already: done"), ("retry", .running, "is running"),
      ("retry", .held, "is held; release it"), ("hold", .done, "is over already: done"),
      ("hold", .failed, "is over already: failed"),
      ("release", .cancelled, "is over already: cancelled"),
      ("priority", .done, "is over already: done"),
    ] as [(String, JobState, String)])
  func whatMakesNoSenseIsRefused(_ command: String, _ state: JobState, _ words: String) throws {
    let spool = try spoolWithJob(in: state)
    let more = command == "priority" ? #", "priority": 1"# : ""
    try spool.drop("command.json", commandFile(command, 1, more))
    var admission = try spool.admission()
    #expect(admission.scan().first?.rejection == "job 1 \(words)")
    #expect(try spool.queue.find(1)?.entry == QueueEntry(id: 1))
    #expect(try spool.queue.state(of: 1) == state)
  }

  @Test func aJobThatIsBeingCancelledIsNeitherHeldNorTriedAgain() throws {
    for command in ["hold", "retry"] {
      let spool = try spoolWithJob(in: .queued)
      try spool.drop("a.json", cancelFile(1))
      var admission = try spool.admission()
      _ = admission.scan()
      try spool.drop("b.json", commandFile(command, 1))
      #expect(admission.scan().first?.rejection == "job 1 is being cancelled")
    }
  }

  /// Every command is carried out once, wherever the daemon dies or the machine fails.
  @Test(arguments: [FaultPlan.Fault.crash, .failure(ENOSPC), .failure(EIO)])
  func killedAnywhereNoCommandIsLost(fault: FaultPlan.Fault) throws {
    var index = 0
    while true {
      let spool = try TestSpool(onDisk: false)
      for id in 1...4 { try spool.drop("\(id).json", jobFile("job-\(id)")) }
      try spool.startDaemon()
      try spool.queue.move(2, from: .queued, to: .held)
      try spool.queue.move(3, from: .queued, to: .failed)
      try spool.drop("a.json", commandFile("hold", 1))
      try spool.drop("b.json", commandFile("release", 2))
      try spool.drop("c.json", commandFile("retry", 3))
      try spool.drop("d.json", commandFile("priority", 4, #", "priority": 9"#))
      var admission = try spool.admission()
      let plan = FaultPlan(at: index, fault)
      var outcomes = Syscalls.$fileSystem.withValue(plan) { admission.scan() }
      if fault != .crash {
        outcomes += admission.scan()
        #expect(outcomes.filter(\.isFinal).count == 4, "each is reported once")
      }
      try spool.startDaemon()
      let jobs = try spool.jobs()
      // Held by the recovery, or to be held by the scheduler.
      #expect(jobs["job-1"]?.entry.holdRequested == true)
      #expect(jobs["job-2"]?.state == .queued)
      #expect(jobs["job-3"]?.state == .queued)
      #expect(jobs["job-3"]?.entry.attempts == 0)
      #expect(jobs["job-4"]?.entry.priority == 9)
      #expect(try spool.names(spool.layout.rejected).isEmpty)
      try spool.expectAtRest()
      if !plan.struck { break }
      index += 1
    }
    #expect(index > 60)
  }
}
