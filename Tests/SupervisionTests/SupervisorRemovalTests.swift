import DurableIO
import Glibc
import Jobs
import Spool
import Testing

@testable import Supervision

/// A real daemon that cannot clear something away: a folder that is too deep, also for root.
@Suite(.timeLimit(.minutes(10))) struct SupervisorRemovalTests {
  /// Makes a folder of that kind in `place`.
  private func obstruct(_ place: String) throws {
    try Directory.create(place + String(repeating: "/x", count: 300), synced: false)
  }

  /// Makes it one that can be removed: its lower half is put beside it.
  private func clear(_ place: String) throws {
    let half = String(repeating: "/x", count: 150)
    try Directory.rename(place + half, to: place + "/half")
  }

  private func problem(_ spool: TestSpool) throws -> String? {
    try SpoolReader(spool.layout).daemonProblem()
  }

  @Test func oneJobThatCannotBeClearedAwayHoldsUpNothing() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let first = try TestDaemon(spool)
    for _ in 1...3 { try await spool.waitFor(spool.submitJob(), .done) }
    await first.stop()
    let deep = spool.directory(1).path + "/deep"
    try obstruct(deep)
    var configuration = Configuration()
    configuration.retention.count = 0
    configuration.answers.receiptAge = .zero
    let purging: (inout SchedulingPolicy) -> Void = { $0.purgeInterval = .milliseconds(10) }
    let second = try TestDaemon(spool, configuration: configuration, adjust: purging)
    try await until("the others are gone") {
      try Directory.names(in: spool.layout.jobs) == ["1"]
        && SpoolReader(spool.layout).jobs().isEmpty
    }
    try await until("that is shown") {
      try problem(spool)?.hasPrefix("cannot clear away job 1: cannot ") == true
    }
    await second.stop()
    #expect(second.journal.warnings.count { $0.hasPrefix("cannot clear away job 1") } == 1)

    // The next daemon starts in spite of it, finds it, and tries again.
    let third = try TestDaemon(spool, configuration: configuration, adjust: purging)
    func sayings() -> Int {
      third.journal.warnings.count { $0.hasPrefix("cannot clear away job 1: ") }
    }
    try await until("that is said again") { sayings() > 0 }
    try clear(deep)
    try await until("it is gone as well") {
      try Directory.names(in: spool.layout.jobs).isEmpty && problem(spool) == nil
    }
    await third.stop()
    #expect(sayings() == 1)
  }

  @Test func aRemovalThatDoesNotComeOffIsShown() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob()
    try await spool.waitFor(id, .done)
    let deep = spool.directory(id).path + "/deep"
    try obstruct(deep)
    try await spool.command("remove", id)
    try await until("that is shown") {
      try problem(spool)?.hasPrefix("cannot clear away job \(id): ") == true
    }
    #expect(try spool.job(id) == nil)
    #expect(try await spool.submitJob() == id + 1)
    await daemon.stop()
    try clear(deep)
  }

  @Test(.enabled(if: geteuid() == 0)) func theSpoolOfAnotherUserIsLeftAlone() throws {
    let spool = try TestSpool(worker: Script.finish)
    for path in [spool.layout.spool, spool.layout.state] {
      #expect(chown(path, 70001, 70001) == 0)
      let before = try Directory.names(in: path)
      #expect(throws: SupervisorError.foreignSpool(path: path, owner: 70001)) {
        _ = try TestDaemon(spool)
      }
      #expect(try Directory.names(in: path) == before)
      #expect(chown(path, 0, 0) == 0)
    }
    let text = SupervisorError.foreignSpool(path: SpoolLayout.system.state, owner: 1).description
    #expect(
      text == "/var/lib/ddpmd belongs to daemon, and this process to root; start the service: "
        + "systemctl start ddpmd; or give --root DIR for a spool of your own")
  }

  /// A spool of one's own is advice for people, and only against a lack of rights.
  @Test func adviceIsForWhoCanFollowIt() {
    func advice(_ code: Int32, to user: String) -> String {
      SupervisorError.advice(SystemError(operation: "open", path: "/x", code: code), to: user)
    }
    #expect(advice(EROFS, to: "anna") == "" && advice(EROFS, to: "ddpmd") == "")
    #expect(advice(EACCES, to: "anna").contains("--root"))
    #expect(advice(EACCES, to: "ddpmd").contains("must be ddpmd's"))
  }
}
