import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

@Suite struct CommandTests {
  private func spoolWithJob(in state: JobState) throws -> TestSpool {
    let spool = try TestSpool()
    try spool.drop("job.json", jobFile("job"))
    try spool.startDaemon()
    if state != .queued { try spool.queue.move(1, from: .queued, to: state) }
    return spool
  }

  @Test(arguments: [JobState.queued, .running, .deferred, .held])
  func aCancellationIsNotedWhereTheJobIs(state: JobState) throws {
    let spool = try spoolWithJob(in: state)
    try spool.drop("cancel.json", cancelFile(1))
    var admission = try spool.admission()
    #expect(admission.scan().compactMap(\.command) == [.job(1, .cancel)])
    #expect(try spool.queue.find(1)?.state == state, "what to do about it is the daemon's choice")
    #expect(try spool.queue.find(1)?.entry.cancelRequested == true)
    try spool.expectAtRest()
  }

  @Test(arguments: [JobState.done, .failed]) func whatIsOverIsNotCancelled(state: JobState) throws {
    let spool = try spoolWithJob(in: state)
    try spool.drop("cancel.json", cancelFile(1))
    var admission = try spool.admission()
    let reason = try #require(admission.scan().first?.rejection)
    #expect(reason.contains("over") && reason.contains(state.rawValue))
    #expect(try spool.queue.find(1)?.entry.cancelRequested == false)
  }

  @Test func cancellingTwiceIsAsGoodAsOnce() throws {
    let spool = try spoolWithJob(in: .cancelled)
    try spool.drop("cancel.json", cancelFile(1))
    var admission = try spool.admission()
    #expect(admission.scan().compactMap(\.command).count == 1)
    #expect(try spool.queue.find(1)?.state == .cancelled)
  }

  @Test func aJobThatIsNotThereIsNotCancelled() throws {
    let spool = try TestSpool()
    try spool.drop("cancel.json", cancelFile(9))
    var admission = try spool.admission()
    #expect(admission.scan().first?.rejection == "there is no job 9")
  }

  @Test func aJobWithADamagedEnvelopeCanStillBeCancelledByRoot() throws {
    let spool = try spoolWithJob(in: .queued)
    try AtomicFile.write("?", to: spool.layout.jobDirectory(1).job)
    try spool.drop("cancel.json", cancelFile(1))
    var admission = try spool.admission()
    #expect(admission.scan().compactMap(\.command).count == 1)
  }

  /// Only root can give files away, which this needs.
  @Test(.enabled(if: geteuid() == 0)) func theFilesOwnerDecidesWhoMayCommand() throws {
    let spool = try TestSpool()
    try spool.drop("job.json", jobFile("job"))
    try #require(unsafe chown(spool.layout.drop + "/job.json", 1001, 1001) == 0)
    var admission = try spool.admission()
    #expect(admission.scan().first?.admitted?.submitter == 1001)

    try spool.drop("cancel.json", cancelFile(1))
    try #require(unsafe chown(spool.layout.drop + "/cancel.json", 1002, 1002) == 0)
    #expect(admission.scan().first?.rejection?.contains("another user") == true)
    #expect(try spool.queue.find(1)?.entry.cancelRequested == false)

    try spool.drop("cancel.json", cancelFile(1))
    try #require(unsafe chown(spool.layout.drop + "/cancel.json", 1001, 1001) == 0)
    #expect(admission.scan().compactMap(\.command).count == 1)
    #expect(try spool.queue.find(1)?.entry.cancelRequested == true)
  }

  /// The accounts are those of every Debian system.
  @Test func anAdministratorMayCommandEverybodysJobs() {
    let daemonUser: UInt32 = 1
    let stranger: UInt32 = 4_000_000_001
    let authority = CommandAuthority(administrators: "daemon")
    #expect(authority.allows(daemonUser, toCommandJobOf: 1234))
    #expect(!authority.allows(stranger, toCommandJobOf: 1234))
    #expect(!authority.allows(stranger, toCommandJobOf: nil))
    #expect(authority.allows(stranger, toCommandJobOf: stranger))
    #expect(authority.allows(0, toCommandJobOf: 1234))
    #expect(!CommandAuthority().allows(daemonUser, toCommandJobOf: 1234))
    let nosuch = CommandAuthority(administrators: "no such group")
    #expect(!nosuch.allows(daemonUser, toCommandJobOf: 1234))
  }
}
