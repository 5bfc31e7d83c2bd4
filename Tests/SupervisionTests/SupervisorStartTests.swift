import DurableIO
import Glibc
import Jobs
import Logging
import Spool
import Testing

@testable import Supervision

/// A daemon that starts with what should not be, or with much of it.
@Suite(.timeLimit(.minutes(10))) struct SupervisorStartTests {
  /// Whoever makes room by hand, or a disk, takes a job's folder away.
  @Test func aJobWhoseFolderIsMissingHoldsUpNothing() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let first = try TestDaemon(spool)
    let ids = try await [
      spool.submitJob(queue: #"{"hold": true}"#), spool.submitJob(queue: #"{"hold": true}"#),
    ]
    await first.stop()
    try Directory.removeTree(spool.directory(ids[0]).path)
    let second = try TestDaemon(spool)
    for id in ids { try await spool.command("release", id) }
    try await spool.waitFor(ids[1], .done)
    try await spool.waitFor(ids[0], .deferred)
    #expect(try spool.job(ids[0])?.entry.reason?.contains("is missing") == true)
    try await spool.cancel(ids[0])
    try await spool.waitFor(ids[0], .cancelled)
    #expect(second.journal.warnings.contains { $0.contains("cancel job \(ids[0])") })
    await second.stop()
  }

  /// The same while the daemon runs: it says so, and the job can be commanded.
  @Test(arguments: [false, true]) func aJobCanLoseItsFolderWhileItWaits(
    onlyItsFile: Bool
  ) async throws {
    let spool = try TestSpool(worker: Script.finish)
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob(queue: #"{"hold": true}"#)
    let directory = spool.directory(id)
    let lost = onlyItsFile ? directory.job : directory.path
    try Directory.removeTree(lost)
    try await spool.command("release", id)
    try await spool.waitFor(id, .deferred)
    #expect(
      try spool.job(id)?.entry.reason
        == "\(lost) is missing; if it cannot be put back, cancel job \(id)")
    try await spool.command("hold", id)
    try await spool.waitFor(id, .held)
    try await spool.cancel(id)
    try await spool.waitFor(id, .cancelled)
    try await spool.command("remove", id)
    try await until("it is gone") { try Directory.names(in: spool.layout.removing).isEmpty }
    #expect(try spool.job(id) == nil)
    await daemon.stop()
  }

  /// The kernel says when what is watched goes, and a file in the new one is seen at once.
  @Test func theWayInIsMadeAnewAndWatched() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let daemon = try TestDaemon(spool) { $0.rescanInterval = .seconds(100_000) }
    try await spool.waitFor(spool.submitJob(), .done)
    for _ in 1...2 {
      try Directory.removeTree(spool.layout.drop)
      try await until("it is there again") { try Directory.exists(spool.layout.drop) }
      try await spool.waitFor(spool.submitJob(), .done)
    }
    await daemon.stop()
    #expect(
      daemon.journal.warnings.count { $0.hasPrefix("\(spool.layout.drop) was removed") } == 2)
  }

  /// All of them are not there before their disk is.
  @Test func withoutTheFoldersOfAllJobsNothingIsDone() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let first = try TestDaemon(spool)
    let id = try await spool.submitJob(queue: #"{"hold": true}"#)
    await first.stop()
    try Directory.rename(spool.directory(id).path, to: spool.root + "/aside")
    let second = try TestDaemon(spool) { $0.diskDelay = .milliseconds(1) }
    try await until("it says so") { try SpoolReader(spool.layout).daemonProblem() != nil }
    try Directory.rename(spool.root + "/aside", to: spool.directory(id).path)
    try await spool.command("release", id)
    try await spool.waitFor(id, .done)
    await second.stop()
  }

  @Test func damagedNumbersEndNothing() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let first = try TestDaemon(spool)
    let id = try await spool.submitJob(queue: #"{"hold": true, "time_limit": 9}"#)
    await first.stop()
    try AtomicFile.write(
      #"{"attempts": 9223372036854775807, "seconds_run": 1e300, "hold_requested": true}"#,
      to: spool.layout.queueEntry(id, .held))
    let second = try TestDaemon(spool)
    try await spool.command("release", id)
    try await spool.waitFor(id, .failed)
    await second.stop()
  }

  /// A start that takes long asks for time; what takes long later shows that it goes on.
  @Test func whatTakesLongShowsLife() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let first = try TestDaemon(spool)
    let id = try await spool.submitJob(queue: #"{"hold": true}"#)
    for _ in 0..<9 {
      _ = try await spool.submitJob(queue: #"{"after": [{"job": \#(id)}]}"#)
    }
    await first.stop()
    let messages = TestDaemon.Box()
    var setup = SupervisorSetup(
      layout: spool.layout, configuration: Configuration(),
      source: ConfigurationSource(file: nil), worker: spool.worker, processors: 1,
      log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    setup.notifier = ServiceNotifier { messages.append($0) }
    var policy = SchedulingPolicy()
    policy.watchdogInterval = .zero
    policy.stopExtension = .zero
    let supervisor = try Supervisor(
      setup, requests: SignalRequests(descriptor: open("/dev/null", O_RDONLY)), policy: policy,
      admission: Admission.Policy())
    /// What the daemon says while it does what follows on `event`.
    func said(_ event: Event) -> [String] {
      let before = messages.all.count
      var pending = [event]
      while !pending.isEmpty { pending = pending.flatMap { supervisor.settle($0) } }
      return Array(messages.all[before...])
    }
    let start = said(.began).prefix { $0 != "READY=1" }
    #expect(start.count { $0.hasPrefix("EXTEND_TIMEOUT_USEC=") } >= 20, "twice for each job")
    _ = try spool.submit(commandFile("cancel", id))
    let end = said(.dropChanged)
    #expect(try spool.job(id + 9)?.state == .failed)
    #expect(end.count { $0 == "WATCHDOG=1" } >= 10, "for each job that it ends")
  }
}
