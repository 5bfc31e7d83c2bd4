import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

@Suite struct RecoveryTests {
  /// Jobs `names`, numbered from 1, moved to where the test wants them.
  private func spool(_ states: [JobState]) throws -> TestSpool {
    let spool = try TestSpool(onDisk: false)
    for index in states.indices { try spool.drop("\(index).json", jobFile("job-\(index + 1)")) }
    try spool.startDaemon()
    for (index, state) in states.enumerated() where state != .queued {
      try spool.queue.move(index + 1, from: .queued, to: state)
    }
    return spool
  }

  private func requestCancellation(_ spool: TestSpool, _ id: Int) throws {
    var (state, entry) = try #require(try spool.queue.find(id))
    entry.cancelRequested = true
    try spool.queue.update(entry, in: state)
  }

  @Test func whatRanRunsAgain() throws {
    let spool = try spool([.running, .queued, .deferred, .held, .done, .failed, .cancelled])
    let recovery = try spool.startDaemon()
    #expect(recovery.requeued.map(\.id) == [1])
    let states = try (1...7).map { try spool.queue.state(of: $0) }
    #expect(states == [.queued, .queued, .deferred, .held, .done, .failed, .cancelled])
    let again = try spool.startDaemon()
    #expect(again.requeued.isEmpty)
  }

  @Test func aJobWhoseWorkerLivesStaysRunning() throws {
    let spool = try spool([.running])
    let lock = try #require(try FileLock.acquire(spool.layout.jobDirectory(1).lock))
    let recovery = try spool.startDaemon()
    #expect(recovery.stillRunning.map(\.id) == [1])
    #expect(try spool.queue.find(1)?.state == .running)
    lock.release()
    #expect(try spool.startDaemon().requeued.map(\.id) == [1])
  }

  @Test func aJobWithResultsIsDoneThoughItsWorkerDidNotLiveToSaySo() throws {
    let spool = try spool([.running, .running])
    try requestCancellation(spool, 1)
    try Directory.create(spool.layout.jobDirectory(1).results)
    try Directory.create(spool.layout.jobDirectory(2).resultsInProgress)
    let recovery = try spool.startDaemon()
    #expect(recovery.finished == [1])
    #expect(recovery.requeued.map(\.id) == [2])
    #expect(try spool.queue.state(of: 1) == .done)
    #expect(
      try Directory.exists(spool.layout.jobDirectory(2).resultsInProgress), "the worker's own")
  }

  @Test func unfinishedFilesOfADeadRunGoAndThoseOfALivingOneStay() throws {
    let spool = try spool([.running, .running])
    let lock = try #require(try FileLock.acquire(spool.layout.jobDirectory(2).lock))
    defer { lock.release() }
    for id in [1, 2] {
      let directory = spool.layout.jobDirectory(id)
      for folder in [
        directory.path, directory.checkpoints, directory.resultsInProgress + "/unet",
      ] {
        try Directory.create(folder)
        for name in [".part.1.tmp", "whole"] {
          try AtomicFile.write("x", to: folder + "/" + name)
        }
      }
    }
    _ = try spool.startDaemon()
    for (id, left) in [(1, ["whole"]), (2, [".part.1.tmp", "whole"])] {
      let directory = spool.layout.jobDirectory(id)
      let names = try spool.names(directory.path).filter { $0.hasSuffix("tmp") || $0 == "whole" }
      #expect(names == left)
      #expect(try spool.names(directory.checkpoints) == left)
      #expect(try spool.names(directory.resultsInProgress + "/unet") == left)
    }
  }

  @Test func aRequestedCancellationSurvivesTheDaemon() throws {
    let spool = try spool([.queued, .running, .deferred, .held, .running])
    for id in 1...5 { try requestCancellation(spool, id) }
    let lock = try #require(try FileLock.acquire(spool.layout.jobDirectory(5).lock))
    defer { lock.release() }
    let recovery = try spool.startDaemon()
    #expect(recovery.cancelled.sorted() == [1, 2, 3, 4])
    #expect(recovery.stillRunning.map(\.cancelRequested) == [true])
    #expect(try (1...4).allSatisfy { try spool.queue.state(of: $0) == .cancelled })
    #expect(try spool.queue.state(of: 5) == .running)
  }

  /// A run counts as long as its worker was heard of, and never backwards.
  @Test func theTimeThatADeadWorkerRanIsCounted() throws {
    let spool = try spool([.running, .running, .running])
    let hour: Int64 = 3_600_000
    for (id, started) in [(1, -hour), (2, -hour), (3, hour)] {
      var entry = QueueEntry(id: id)
      entry.started = Timestamp(milliseconds: Timestamp.now().milliseconds + started)
      entry.secondsRun = 5
      try spool.queue.update(entry, in: .running)
    }
    for id in [1, 3] { try AtomicFile.write("{}", to: spool.layout.jobDirectory(id).progress) }
    try spool.startDaemon()
    let times = try (1...3).map { try #require(try spool.queue.find($0)).entry }
    #expect((3604...3700).contains(times[0].secondsRun))
    #expect(times[1].secondsRun == 5 && times[2].secondsRun == 5)
    #expect(times.allSatisfy { $0.started == nil })
  }

  /// What the system's clock was set to while a job ran does not count for or against it.
  @Test(arguments: [-86400, 86400]) func aClockThatIsSetChangesNoTimeThatWasRun(seconds: Int) throws
  {
    let spool = try spool([.running, .running])
    for id in 1...2 {
      var entry = QueueEntry(id: id)
      entry.attempts = 2
      entry.started = Timestamp(
        milliseconds: Timestamp.now().milliseconds + Int64(seconds) * 1000)
      try spool.queue.update(entry, in: .running)
      // The second one has not been heard of in this run.
      try AtomicFile.write(
        #"{"step": 1, "steps": 2, "attempt": \#(id == 1 ? 2 : 1), "seconds_run": 90.5}"#,
        to: spool.layout.jobDirectory(id).progress)
    }
    try spool.startDaemon()
    let times = try (1...2).map { try #require(try spool.queue.find($0)).entry.secondsRun }
    #expect(times == [90.5, 0])
  }

  @Test func killedAnywhereEveryJobKeepsOneState() throws {
    var index = 0
    while true {
      let spool = try spool([.running, .running, .queued, .running])
      try requestCancellation(spool, 2)
      try requestCancellation(spool, 3)
      try Directory.create(spool.layout.jobDirectory(4).results)
      let plan = FaultPlan(at: index, .crash)
      Syscalls.$fileSystem.withValue(plan) { _ = try? spool.startDaemon() }
      try spool.startDaemon()
      let jobs = try spool.jobs()
      #expect(jobs.count == 4)
      #expect(jobs["job-1"]?.state == .queued)
      #expect(jobs["job-1"]?.entry.attempts == 0)
      #expect(jobs["job-2"]?.state == .cancelled)
      #expect(jobs["job-3"]?.state == .cancelled)
      #expect(jobs["job-4"]?.state == .done)
      try spool.expectAtRest()
      if !plan.struck { break }
      index += 1
    }
    #expect(index > 40)
  }

  @Test func whatAKilledDaemonLeftUnfinishedIsClearedAway() throws {
    let spool = try TestSpool()
    for directory in [spool.layout.state, spool.layout.rejected, spool.layout.queue(.queued)] {
      try AtomicFile.write("x", to: directory + "/.1.abc.tmp")
    }
    try spool.startDaemon()
    try spool.expectAtRest()
  }
}
