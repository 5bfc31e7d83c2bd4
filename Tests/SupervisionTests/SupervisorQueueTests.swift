import DurableIO
import Glibc
import Jobs
import Spool
import Testing

@testable import Supervision

/// What people ask of the queue, with a real daemon: holding, waiting, limits, removal.
@Suite(.timeLimit(.minutes(10))) struct SupervisorQueueTests {
  // MARK: Holding and trying again

  @Test func aRunningJobIsHeldAndGoesOnWhenItIsReleased() async throws {
    let spool = try TestSpool(
      worker: Script.once(Script.workUntilStopped, then: Script.finish))
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob()
    try await spool.waitFor(file: spool.directory(id).path + "/up")
    try await spool.command("hold", id)
    try await spool.waitFor(id, .held)
    try await spool.command("release", id)
    try await spool.waitFor(id, .done)
    await daemon.stop()
    #expect(
      try spool.history(id) == [.admitted, .started, .held, .released, .started, .finished])
    #expect(try spool.job(id)?.entry.attempts == 2)
  }

  /// Only what began counts.
  @Test func aJobThatNeverRanHasNoAttempts() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob(queue: #"{"hold": true}"#)
    try await spool.command("cancel", id)
    try await spool.waitFor(id, .cancelled)
    #expect(try spool.job(id)?.entry.attempts == 0)
    try await spool.command("retry", id)
    try await spool.waitFor(id, .done)
    await daemon.stop()
    #expect(try spool.job(id)?.entry.attempts == 1)
    #expect(
      try spool.history(id) == [.admitted, .cancelled, .retried, .started, .finished])
    #expect(try SpoolReader(spool.layout).events(of: id).map(\.attempt) == [0, 0, 0, 1, 1])
  }

  @Test func aRunThatCannotBeginIsNone() async throws {
    let spool = try TestSpool(worker: Script.finish)
    try #require(chmod(spool.worker, 0o600) == 0)
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob()
    try await until("the job is deferred") { try spool.history(id).contains(.deferred) }
    try #require(chmod(spool.worker, 0o700) == 0)
    try await spool.waitFor(id, .done)
    await daemon.stop()
    #expect(try spool.job(id)?.entry.attempts == 1)
    let runs = try SpoolReader(spool.layout).events(of: id).filter { $0.kind == .started }
    #expect(runs.map(\.attempt) == [1])
  }

  @Test func aFailedJobIsTriedAgain() async throws {
    let spool = try TestSpool(worker: Script.once("exit 65", then: Script.finish))
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob()
    try await spool.waitFor(id, .failed)
    try await spool.command("retry", id)
    try await spool.waitFor(id, .done)
    await daemon.stop()
    #expect(
      try spool.history(id) == [.admitted, .started, .failed, .retried, .started, .finished])
  }

  /// Held by one daemon, released while there is none, run by the next.
  @Test func aHoldOutlivesTheDaemon() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let first = try TestDaemon(spool)
    let id = try await spool.submitJob(queue: #"{"hold": true, "priority": 3}"#)
    try await spool.waitFor(id, .held)
    await first.stop()
    let second = try TestDaemon(spool)
    let other = try await spool.submitJob()
    try await spool.waitFor(other, .done)
    #expect(try spool.job(id)?.state == .held)
    await second.stop()
    _ = try spool.submit(commandFile("release", id))
    let third = try TestDaemon(spool)
    try await spool.waitFor(id, .done)
    await third.stop()
    #expect(try spool.history(id) == [.admitted, .released, .started, .finished])
  }

  // MARK: Waiting for others, and for the queue

  @Test func aJobWaitsForOthersAcrossRestarts() async throws {
    let spool = try TestSpool(
      worker: #"case "$1" in */1) "# + Script.once(Script.workUntilStopped, then: "exit 65")
        + " ;; esac; " + Script.finish)
    let first = try TestDaemon(spool, maxWorkers: 4)
    let early = try await spool.submitJob("early")
    let fails = try await spool.submitJob("a", queue: #"{"after": [{"job": "early"}]}"#)
    let runs = try await spool.submitJob(
      "b", queue: #"{"after": [{"job": 1, "when": "not ok"}]}"#)
    try await spool.waitFor(file: spool.directory(early).path + "/up")
    #expect(try spool.job(fails)?.entry.reason == "waits for job 1 (sample early)")
    await first.stop()
    let second = try TestDaemon(spool, maxWorkers: 4)
    try await spool.waitFor(runs, .done)
    try await spool.waitFor(fails, .failed)
    #expect(
      try spool.job(fails)?.entry.reason
        == "it was to run once job 1 (sample early) is done, but that failed")
    await second.stop()
    // What it waited for is known also after a restart, and it fails anew.
    _ = try spool.submit(commandFile("retry", fails))
    let third = try TestDaemon(spool)
    try await until("it fails again") {
      try spool.history(fails) == [.admitted, .failed, .retried, .failed]
    }
    await third.stop()
    #expect(
      try spool.job(fails)?.entry.reason == "it was to run once job 1 is done, but that failed")
  }

  @Test func anEditedJobRunsAsItIsNow() async throws {
    let spool = try TestSpool(worker: #"cp "$1/job.json" "$1/seen"; "# + Script.finish)
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob("old", queue: #"{"hold": true}"#)
    let edit = """
      {"schema": "ddpm.command/1", "command": "edit", "job": \(id), "file":
       {"schema": "ddpm.job/1", "kind": "sample", "name": "new", "seed": 2, "count": 1,
        "model": {"path": "/model"}}}
      """
    #expect(try await spool.accepted(spool.submit(edit)) == id)
    try await spool.command("release", id)
    try await spool.waitFor(id, .done)
    await daemon.stop()
    let seen = try Envelope.parse(readFile(spool.directory(id).path + "/seen"))
    #expect(seen.spec.name == "new" && seen.spec.seed == 2)
    #expect(try spool.history(id) == [.admitted, .edited, .released, .started, .finished])
  }

  /// More jobs than are written in one go, each run once; the daemon is stopped on the way.
  @Test func theJobsOfAnArrayAllRun() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let seeds = (1...70).map(String.init).joined(separator: ", ")
    let first = try TestDaemon(spool, maxWorkers: 2)
    let token = try spool.submit(
      """
      {"schema": "ddpm.job/1", "kind": "sample", "name": "many", "count": 1,
       "array": {"seed": [\(seeds)]}, "model": {"path": "/model"}}
      """)
    await first.stop()
    let second = try TestDaemon(spool, maxWorkers: 2)
    for id in 1...70 { try await spool.waitFor(id, .done) }
    await second.stop()
    #expect(try Submission.outcome(of: token, in: spool.layout) == .acceptedArray(1...70))
    for id in 1...70 {
      #expect(try spool.job(id)?.envelope?.spec.seed == UInt64(id))
      #expect(try spool.history(id).filter { $0 == .finished }.count == 1)
    }
  }

  @Test func aPauseOutlivesTheDaemon() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let first = try TestDaemon(spool)
    let pause = try spool.submit(#"{"schema": "ddpm.command/1", "command": "pause"}"#)
    #expect(try await spool.accepted(pause) == 0)
    let id = try await spool.submitJob()
    await first.stop()
    let second = try TestDaemon(spool)
    try await until("it says so") {
      second.messages.all.contains("STATUS=1 queued; paused")
    }
    #expect(try spool.job(id)?.state == .queued)
    _ = try spool.submit(#"{"schema": "ddpm.command/1", "command": "resume"}"#)
    try await spool.waitFor(id, .done)
    await second.stop()
  }

  /// Only root can give files away, which this needs; the accounts are those of every Debian system.
  @Test(.enabled(if: geteuid() == 0)) func theAdministratorsGroupMayPause() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let daemon = try TestDaemon(
      spool, source: ConfigurationSource(file: nil, assignments: ["admin_group=daemon"]))
    func pauseAsDaemon() async throws -> Bool {
      let name = "pause-\(UInt64.random(in: 0 ... .max)).json"
      let hidden = spool.layout.drop + "/." + name
      try AtomicFile.write(#"{"schema": "ddpm.command/1", "command": "pause"}"#, to: hidden)
      try #require(unsafe chown(hidden, 1, 1) == 0)
      try Directory.rename(hidden, to: spool.layout.drop + "/" + name)
      let refusal = spool.layout.rejected + "/" + name
      try await until("it is decided on") {
        try Directory.exists(refusal) || SpoolReader(spool.layout).pause().isPaused
      }
      return try SpoolReader(spool.layout).pause().isPaused
    }
    #expect(try await !pauseAsDaemon())
    daemon.requestReload()
    try await until("it is read again") { try Directory.exists(spool.layout.configuration) }
    #expect(try await pauseAsDaemon())
    await daemon.stop()
  }

  /// From the moment that the configuration is read, whichever daemon admitted them. Only root can give
  /// files away, which this needs.
  @Test(.enabled(if: geteuid() == 0)) func aUsersJobsAreCounted() async throws {
    let spool = try TestSpool(worker: Script.finish)
    func submit(_ name: String) async throws -> String? {
      let file = """
        {"schema": "ddpm.job/1", "kind": "sample", "name": "\(name)", "seed": 1, "count": 1,
         "model": {"path": "/model"}, "queue": {"hold": true}}
        """
      let hidden = spool.layout.drop + "/.\(name).json"
      try AtomicFile.write(file, to: hidden)
      try #require(unsafe chown(hidden, 1001, 1001) == 0)
      try Directory.rename(hidden, to: spool.layout.drop + "/\(name).json")
      let reason = spool.layout.rejected + "/\(name).json.reason"
      try await until("it is decided on") {
        try Directory.exists(reason)
          || SpoolReader(spool.layout).jobs().contains { $0.envelope?.spec.name == name }
      }
      return try? String(decoding: readFile(reason), as: UTF8.self)
    }
    let first = try TestDaemon(spool)
    for name in ["a", "b"] { #expect(try await submit(name) == nil) }
    await first.stop()
    let second = try TestDaemon(
      spool, source: ConfigurationSource(file: nil, assignments: ["max_jobs_per_user=2"]))
    second.requestReload()
    try await until("it is read again") {
      second.journal.entries.contains {
        $0["MESSAGE"]?.contains("max_jobs_per_user is 2") == true
      }
    }
    #expect(try await submit("c")?.contains("may have 2 jobs") == true)
    try await spool.command("cancel", 1)
    try await spool.waitFor(1, .cancelled)
    #expect(try await submit("d") == nil)
    #expect(try await submit("e")?.contains("may have 2 jobs") == true)
    await second.stop()
  }

  @Test func theWorkerIsToldItsMemoryLimit() async throws {
    let spool = try TestSpool(worker: #"echo "$@" > "$1/arguments"; "# + Script.finish)
    var configuration = Configuration()
    configuration.memoryLimit = 1 << 30
    let daemon = try TestDaemon(spool, configuration: configuration)
    for (queue, limit) in [("{}", 1 << 30), (#"{"memory_limit": "2 GiB"}"#, 2 << 30)] {
      let id = try await spool.submitJob(queue: queue)
      try await spool.waitFor(id, .done)
      let arguments = try readFile(spool.directory(id).path + "/arguments")
      #expect(String(decoding: arguments, as: UTF8.self).hasSuffix(" --memory-limit \(limit)\n"))
    }
    await daemon.stop()
  }

  // MARK: Limits and removal

  @Test func aJobThatTimesOutGoesOnWhenItIsTriedAgain() async throws {
    let spool = try TestSpool(
      worker: Script.once(Script.workUntilStopped, then: Script.finish))
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob(queue: #"{"time_limit": "3s"}"#)
    try await spool.waitFor(id, .failed)
    let entry = try #require(try spool.job(id)).entry
    #expect(entry.reason?.hasPrefix("it ran for as long as its time_limit allows") == true)
    #expect(entry.secondsRun >= 3 && entry.ended != nil && entry.timedOut)
    try await spool.command("retry", id)
    try await spool.waitFor(id, .done)
    await daemon.stop()
    #expect(
      try spool.history(id) == [.admitted, .started, .timedOut, .retried, .started, .finished])
    let again = try #require(try spool.job(id)).entry
    #expect(again.secondsRun < 3 && !again.timedOut)
    #expect(again.totalSecondsRun == entry.secondsRun + again.secondsRun)
  }

  @Test func aJobIsRemovedWithItsFiles() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob()
    try await spool.waitFor(id, .done)
    try await spool.command("remove", id)
    try await until("its files are gone") { try !Directory.exists(spool.directory(id).path) }
    #expect(try await spool.submitJob() == id + 1)
    await daemon.stop()
  }

  @Test func endedJobsAreRemovedAsConfigured() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let first = try TestDaemon(spool)
    for _ in 1...3 { try await spool.waitFor(spool.submitJob(), .done) }
    await first.stop()
    var configuration = Configuration()
    configuration.retention.count = 1
    let second = try TestDaemon(spool, configuration: configuration)
    try await until("only the newest is left") {
      try SpoolReader(spool.layout).jobs().map(\.id) == [3]
    }
    await second.stop()
  }
}
