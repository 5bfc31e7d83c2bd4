import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

@Suite struct SubmissionTests {
  @Test func aSubmitterLearnsTheNumber() throws {
    let spool = try TestSpool()
    let token = try Submission.submit(Array(jobFile("job").utf8), to: spool.layout)
    #expect(try Submission.outcome(of: token, in: spool.layout) == .pending)
    #expect(try spool.names(spool.layout.drop) == ["submit-\(token).json"])
    try spool.startDaemon()
    #expect(try Submission.outcome(of: token, in: spool.layout) == .accepted(job: 1))
    try spool.expectAtRest()
  }

  @Test func aSubmitterLearnsTheReason() throws {
    let spool = try TestSpool()
    let token = try Submission.submit(Array("{}".utf8), to: spool.layout)
    try spool.startDaemon()
    guard case .rejected(let reason) = try Submission.outcome(of: token, in: spool.layout) else {
      Issue.record("the submission was not rejected")
      return
    }
    #expect(reason.contains("schema"))
    #expect(!reason.hasSuffix("\n"))
  }

  @Test func aCommandIsAnsweredToo() throws {
    let spool = try TestSpool()
    _ = try Submission.submit(Array(jobFile("job").utf8), to: spool.layout)
    try spool.startDaemon()
    let token = try Submission.submit(Array(cancelFile(1).utf8), to: spool.layout)
    try spool.startDaemon()
    #expect(try Submission.outcome(of: token, in: spool.layout) == .accepted(job: 1))
  }

  @Test func aSubmissionCanBeWithdrawnBeforeItIsTaken() throws {
    let spool = try TestSpool()
    let token = try Submission.submit(Array(jobFile("job").utf8), to: spool.layout)
    try Submission.withdraw(token, from: spool.layout)
    try spool.startDaemon()
    #expect(try spool.jobs().isEmpty)
    #expect(try Submission.outcome(of: token, in: spool.layout) == .pending)
  }

  @Test(arguments: [FaultPlan.Fault.crash, .failure(ENOSPC)])
  func theFileAppearsWholeOrNotAtAll(fault: FaultPlan.Fault) throws {
    var index = 0
    while true {
      let spool = try TestSpool(onDisk: false)
      let plan = FaultPlan(at: index, fault)
      let token = Syscalls.$fileSystem.withValue(plan) {
        try? Submission.submit(Array(jobFile("job").utf8), to: spool.layout)
      }
      spool.passTime(seconds: 60)
      try spool.startDaemon()
      let jobs = try spool.jobs()
      #expect(jobs.count <= 1)
      if let token {
        #expect(try Submission.outcome(of: token, in: spool.layout) == .accepted(job: 1))
      }
      #expect(try spool.names(spool.layout.rejected).isEmpty)
      if fault != .crash { try spool.expectAtRest() }
      if !plan.struck { break }
      index += 1
    }
  }

  /// Whoever has a strict umask can submit none the less.
  @Test func theDaemonCanReadTheFile() throws {
    let spool = try TestSpool()
    let token = try Submission.submit([], to: spool.layout)
    let status = try FileStatus(ofLink: spool.layout.drop + "/" + token.fileName)
    #expect(status.permissions == 0o644)
    #expect(status.links == 1)
  }

  @Test(arguments: [
    "", "abc", "0123456789ABCDEF0123456789ABCDEF", "../../../../../../etc/passwdxxxx",
  ])
  func onlyATokenIsAToken(text: String) {
    #expect(Submission.Token(text) == nil)
    #expect(Submission.Token(fileName: "submit-\(text).json") == nil)
  }

  /// Members of the group may write into drop/ and not open it.
  @Test func whoMayNotSyncTheNameSyncsTheFileSystem() throws {
    let spool = try TestSpool()
    func submit(_ plan: FaultPlan) throws {
      _ = try Syscalls.$fileSystem.withValue(plan) { try Submission.submit([], to: spool.layout) }
    }
    let calls = FaultPlan()
    try submit(calls)
    let opening = try #require(
      calls.calls.firstIndex { $0.operation == "open" && $0.path == spool.layout.drop })
    let plan = FaultPlan(at: opening, .failure(EACCES))
    try submit(plan)
    #expect(plan.calls.last?.operation == "sync the file system of")
    #expect(try spool.names(spool.layout.drop).count == 2)
  }

  /// Within a tick of the kernel's clock the names decide.
  @Test func namesAreInTheOrderOfSubmission() throws {
    let spool = try TestSpool(onDisk: false)
    let tokens = try (0..<200).map { _ in try Submission.submit([], to: spool.layout) }
    #expect(tokens.map(\.fileName) == tokens.map(\.fileName).sorted())
    #expect(Set(tokens.map { $0.description.suffix(18) }).count == 200)
  }
}
