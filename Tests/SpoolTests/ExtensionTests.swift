import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

/// Train jobs that get more steps.
@Suite struct ExtensionTests {
  private let train = """
    {"schema": "ddpm.job/1", "kind": "train", "name": "long", "seed": 1,
     "dataset": {"type": "images", "path": "/i"}, "unet": {"preset": "fashion-mnist-28"},
     "scheduler": {}, "training": {"batch_size": 1, "steps": 10}}
    """

  /// A train job of 10 steps in that state.
  private func spool(_ state: JobState) throws -> TestSpool {
    let spool = try TestSpool(onDisk: false)
    try spool.drop("train.json", train)
    try spool.startDaemon()
    if state == .done {
      try Directory.create(spool.layout.jobDirectory(1).results)
      try AtomicFile.write("old", to: spool.layout.jobDirectory(1).results + "/weights")
    }
    var entry = QueueEntry(id: 1)
    entry.secondsRun = 9
    try spool.queue.update(entry, in: .queued)
    if state != .queued { try spool.queue.move(1, from: .queued, to: state) }
    return spool
  }

  private func extend(_ spool: TestSpool, to steps: Int) throws -> Admission.Outcome? {
    try spool.drop("extend.json", commandFile("extend", 1, ", \"steps\": \(steps)"))
    var admission = try spool.admission()
    return admission.scan().first
  }

  private func steps(_ spool: TestSpool) throws -> Int? {
    let job = try #require(try spool.reader.job(1))
    guard case .train(let train)? = job.envelope?.spec.work else { return nil }
    #expect(train.training.steps == 10, "the job as it was submitted stays")
    return job.amendment?.steps
  }

  @Test func aDoneJobGoesOnAndItsResultsGoAside() throws {
    let spool = try self.spool(.done)
    let entry = try #require(try extend(spool, to: 20)?.revived)
    #expect(entry.secondsRun == 0 && entry.totalSecondsRun == 9)
    #expect(try spool.queue.state(of: 1) == .queued)
    #expect(try steps(spool) == 20)
    let directory = spool.layout.jobDirectory(1)
    #expect(try !Directory.exists(directory.results))
    #expect(try readFile(directory.path + "/results-10/weights") == Array("old".utf8))
    // And again, from what it has now.
    try Directory.create(directory.results)
    try spool.queue.move(1, from: .queued, to: .done)
    #expect(try extend(spool, to: 20)?.rejection?.hasPrefix("job 1 has 20 steps") == true)
    #expect(try extend(spool, to: 25)?.revived != nil)
    #expect(try Directory.exists(directory.path + "/results-20"))
    #expect(try steps(spool) == 25)
  }

  @Test(arguments: [JobState.failed, .cancelled, .queued])
  func whatIsNotDoneIsChangedAndRuns(state: JobState) throws {
    let spool = try self.spool(state)
    #expect(try extend(spool, to: 11)?.revived != nil)
    #expect(try spool.queue.state(of: 1) == .queued && steps(spool) == 11)
  }

  @Test(arguments: [JobState.held, .deferred])
  func whatWaitsIsChangedWhereItIs(state: JobState) throws {
    let spool = try self.spool(state)
    #expect(try extend(spool, to: 11)?.command == .job(1, .extend(steps: 11)))
    #expect(try spool.queue.state(of: 1) == state && steps(spool) == 11)
  }

  @Test func whatCannotBeExtendedIsRefused() throws {
    #expect(try extend(spool(.running), to: 11)?.rejection?.contains("is running") == true)
    #expect(try extend(spool(.done), to: 10)?.rejection?.contains("has 10 steps") == true)
    #expect(try extend(spool(.queued), to: 9)?.rejection?.contains("has 10 steps") == true)
    let other = try TestSpool()
    try other.drop("job.json", jobFile("job"))
    try other.startDaemon()
    #expect(
      try extend(other, to: 9)?.rejection == "job 1 is a sample job; a train job is needed")
  }

  @Test(arguments: [FaultPlan.Fault.crash, .failure(ENOSPC)])
  func killedAnywhereNoExtensionIsLost(fault: FaultPlan.Fault) throws {
    var index = 0
    while true {
      let spool = try self.spool(.done)
      try spool.drop("extend.json", commandFile("extend", 1, ", \"steps\": 20"))
      var admission = try spool.admission()
      let plan = FaultPlan(at: index, fault)
      var outcomes = Syscalls.$fileSystem.withValue(plan) { admission.scan() }
      if fault != .crash {
        outcomes += admission.scan()
        #expect(outcomes.compactMap(\.revived).count == 1, "it is reported once")
      }
      try spool.startDaemon()
      #expect(try spool.queue.state(of: 1) == .queued)
      #expect(try steps(spool) == 20)
      #expect(try !Directory.exists(spool.layout.jobDirectory(1).results))
      #expect(try Directory.exists(spool.layout.jobDirectory(1).results(after: 10)))
      #expect(try spool.names(spool.layout.rejected).isEmpty)
      try spool.expectAtRest()
      if !plan.struck { break }
      index += 1
    }
    #expect(index > 20)
  }
}
