import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

@Suite struct JobQueueTests {
  @Test func aTransitionIsOneRename() throws {
    let spool = try TestSpool()
    try spool.queue.add(QueueEntry(id: 3), to: .queued, of: spool)
    let plan = FaultPlan()
    try Syscalls.$fileSystem.withValue(plan) {
      try spool.queue.move(3, from: .queued, to: .running)
    }
    #expect(plan.calls.filter { $0.operation == "rename" }.count == 1)
    #expect(!plan.calls.contains { $0.operation == "write" })
    #expect(
      plan.calls.filter { $0.operation == "sync" }.map(\.path)
        == [spool.layout.queue(.running), spool.layout.queue(.queued)])
    #expect(try spool.queue.state(of: 3) == .running)
  }

  /// A transition's cost does not grow with the queue: it never lists a directory.
  @Test func aTransitionDoesNotLookAtTheQueue() throws {
    let spool = try TestSpool()
    try spool.queue.add(QueueEntry(id: 3), to: .queued, of: spool)
    let plan = FaultPlan()
    try Syscalls.$fileSystem.withValue(plan) {
      try spool.queue.move(QueueEntry(id: 3), from: .queued, to: .running)
      _ = try spool.queue.find(3)
    }
    #expect(!plan.calls.contains { $0.operation == "list" })
  }

  @Test func entriesComeByTheirNumbers() throws {
    let spool = try TestSpool()
    for id in [10, 9, 100, 1] { try spool.queue.add(QueueEntry(id: id), to: .queued, of: spool) }
    try AtomicFile.write("", to: spool.layout.queue(.queued) + "/notes")
    #expect(try spool.queue.entries(in: .queued).map(\.id) == [1, 9, 10, 100])
    #expect(try spool.queue.entries(in: .done).isEmpty)
    #expect(try spool.queue.find(2) == nil)
  }

  /// A move that failed in the end is made again.
  @Test func aJobThatIsThereAlreadyIsMovedThereDurably() throws {
    let spool = try TestSpool()
    try spool.drop("a.json", jobFile("a"))
    try spool.startDaemon()
    var entry = try #require(try spool.queue.entry(1, in: .queued))
    entry.attempts = 7
    let plan = FaultPlan()
    try Syscalls.$fileSystem.withValue(plan) {
      try spool.queue.move(entry, from: .queued, to: .queued)
    }
    #expect(plan.calls.last?.description == "sync \(spool.layout.queue(.queued))")
    #expect(try spool.queue.find(1)?.entry == entry)
  }

  @Test func aJobIsEnteredOnce() throws {
    let spool = try TestSpool()
    try spool.queue.add(QueueEntry(id: 1), to: .queued, of: spool)
    let error = #expect(throws: SystemError.self) {
      try spool.queue.add(QueueEntry(id: 1), to: .queued, of: spool)
    }
    #expect(error?.isAlreadyThere == true)
  }

  @Test func whatIsNotThereIsNotMoved() throws {
    let spool = try TestSpool()
    let error = #expect(throws: SystemError.self) {
      try spool.queue.move(1, from: .queued, to: .running)
    }
    #expect(error?.isNotFound == true)
    #expect(throws: SystemError.self) {
      try spool.queue.move(QueueEntry(id: 1), from: .queued, to: .running)
    }
    #expect(throws: SystemError.self) { try spool.queue.update(QueueEntry(id: 1), in: .queued) }
    #expect(try spool.queue.state(of: 1) == nil)
  }

  @Test(arguments: [FaultPlan.Fault.crash, .failure(ENOSPC)])
  func aMoveThatFailsAnywhereLeavesOneStateAndCanBeRepeated(fault: FaultPlan.Fault) throws {
    var old = QueueEntry(id: 5)
    old.reason = "waiting"
    var new = QueueEntry(id: 5)
    new.attempts = 2
    new.crashes = 1
    new.resumedAt = 40
    new.notBefore = Timestamp(milliseconds: 1_900_000_000_123)
    new.cancelRequested = true
    new.reason = "the worker crashed: \"killed\"\nby SIGKILL"
    var index = 0
    while true {
      let spool = try TestSpool(onDisk: false)
      try spool.queue.add(old, to: .running, of: spool)
      let plan = FaultPlan(at: index, fault)
      Syscalls.$fileSystem.withValue(plan) {
        _ = try? spool.queue.move(new, from: .running, to: .deferred)
      }
      let states = try JobState.allCases.filter { try !spool.queue.ids(in: $0).isEmpty }
      #expect(states == [.running] || states == [.deferred])
      let entry = try #require(try spool.queue.find(5)).entry
      #expect(entry == old || entry == new)

      try spool.queue.move(new, from: .running, to: .deferred)
      try spool.queue.move(new, from: .running, to: .deferred)
      #expect(try spool.queue.find(5)?.state == .deferred)
      #expect(try spool.queue.entries(in: .deferred) == [new])
      #expect(try spool.queue.ids(in: .running).isEmpty)
      if !plan.struck { break }
      index += 1
    }
    #expect(index >= 10)
  }

  /// Daemons before this one wrote the number of the run that is under way or comes next.
  @Test(arguments: JobState.allCases)
  func runsOfAnEarlierVersionAreCounted(state: JobState) throws {
    let spool = try TestSpool()
    try AtomicFile.write(#"{"attempt": 3}"#, to: spool.layout.queueEntry(7, state))
    let begun = state == .running || state.isFinal ? 3 : 2
    #expect(try spool.queue.find(7)?.entry.attempts == begun)
  }

  @Test(arguments: ["", "{", "[]", "\u{0}\u{0}", #"{"attempts": "x", "crashes": -1}"#])
  func aDamagedEntryCostsTheCountersButNotTheJob(content: String) throws {
    let spool = try TestSpool()
    try AtomicFile.write(content, to: spool.layout.queueEntry(7, .held))
    let found = try #require(try spool.queue.find(7))
    #expect(found.state == .held)
    #expect(found.entry.attempts == 0)
    #expect(found.entry.crashes == 0)
    if !content.contains("attempt") {
      #expect(found.entry.reason?.contains("damaged") == true)
    }
  }

  /// Whatever the numbers are: the job can be run, crash and end.
  @Test(arguments: ["1e300", "-1e300", "1e18", "9223372036854775807", "-9223372036854775808"])
  func damagedNumbersAreCountedOn(number: String) throws {
    let keys = [
      "attempt", "attempts", "crashes", "seconds_run", "seconds_run_before", "resumed_at",
      "priority",
    ]
    for key in keys {
      for state in JobState.allCases {
        let content = Array(#"{"\#(key)": \#(number), "started": "2031-05-04T03:02:01.007Z"}"#.utf8)
        var entry = QueueEntry(id: 7, content: content, in: state)
        entry.attempts += 1
        entry.crashes += 1
        entry.endRun(after: 1e300)
        #expect(
          Int(entry.secondsRun * 1000) >= 0 && Int(entry.totalSecondsRun * 1000) >= 0
            && entry.attempts > 0)
      }
    }
  }
}
