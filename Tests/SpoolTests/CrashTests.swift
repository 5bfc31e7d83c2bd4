import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

/// Fails, or kills the daemon at, every single system call of its work, and looks whether every
/// job exists exactly once afterwards.
@Suite struct CrashTests {
  static let token = String(repeating: "0123456789abcdef", count: 2)

  /// A spool with a queued job 1, and in drop/: a job, a submission, a command, a bad file and one
  /// with a bad name, none of them touched for a while.
  private func prepare() throws -> TestSpool {
    let spool = try TestSpool(onDisk: false)
    try spool.drop("a.json", jobFile("first"))
    try spool.startDaemon()
    try spool.drop("b.json", jobFile("second"))
    try spool.drop("c.json", cancelFile(1))
    try spool.drop("d.json", "{}")
    try spool.drop("e e.txt", jobFile("fourth"))
    try spool.drop("submit-\(Self.token).json", jobFile("third"))
    spool.passTime(seconds: 60)
    return spool
  }

  private func expectAllSettled(_ spool: TestSpool, others: Int = 0) throws {
    let jobs = try spool.jobs()
    #expect(
      jobs.keys.sorted()
        == (["first", "second", "third"] + (0..<others).map { "other-\($0)" }).sorted())
    #expect(Set(jobs.values.map(\.id)).count == 3 + others)
    let first = try #require(jobs["first"])
    #expect(first.state == .cancelled || first.entry.cancelRequested)
    #expect(jobs["second"]?.state == .queued)
    let token = try #require(Submission.Token(Self.token))
    let third = try #require(jobs["third"])
    #expect(try Submission.outcome(of: token, in: spool.layout) == .accepted(job: third.id))
    #expect(
      try spool.names(spool.layout.rejected)
        == ["d.json", "d.json.reason", "e e.txt", "e e.txt.reason"])
    try spool.expectAtRest()
  }

  /// Also with so many jobs at once that they get onto the disk together.
  @Test(arguments: [0, Admission.NewJobs.few])
  func killedAnywhereInAdmission(others: Int) throws {
    var index = 0
    while true {
      let spool = try prepare()
      for other in 0..<others { try spool.drop("\(other).json", jobFile("other-\(other)")) }
      var admission = try spool.admission()
      let plan = FaultPlan(at: index, .crash)
      _ = Syscalls.$fileSystem.withValue(plan) { admission.scan() }
      try spool.startDaemon()
      try expectAllSettled(spool, others: others)
      if !plan.struck { break }
      index += 1
    }
    #expect(index > 80)
  }

  /// Also recovery can be killed anywhere. The two moments of death take strides without a common
  /// measure through both, so that all kinds of pairs occur.
  @Test func killedInAdmissionAndAgainInRecovery() throws {
    for pair in 0..<60 {
      let spool = try prepare()
      var admission = try spool.admission()
      _ = Syscalls.$fileSystem.withValue(FaultPlan(at: 3 * pair, .crash)) { admission.scan() }
      Syscalls.$fileSystem.withValue(FaultPlan(at: 37 * pair % 180, .crash)) {
        _ = try? spool.startDaemon()
      }
      try spool.startDaemon()
      try expectAllSettled(spool)
    }
  }

  /// The environment's fault is never mistaken for a bad job, and work goes on when it clears,
  /// in the same daemon, which hears of everything once.
  @Test func theMachineFailsAnyOneCall() throws {
    let codes = [ENOSPC, EIO, EMFILE, EDQUOT, ENOMEM, EROFS]
    var index = 0
    while true {
      let spool = try prepare()
      var admission = try spool.admission()
      let plan = FaultPlan(at: index, .failure(codes[index % codes.count]))
      let first = Syscalls.$fileSystem.withValue(plan) { admission.scan() }
      let later = admission.scan()
      #expect(later.compactMap(\.blocked).isEmpty)
      let outcomes = first + later
      let failed = "after \(plan.calls[min(index, plan.calls.count - 1)])"
      #expect(
        outcomes.compactMap(\.admitted?.spec.name).sorted() == ["second", "third"], "\(failed)")
      #expect(outcomes.compactMap(\.command).count == 1, "\(failed)")
      #expect(outcomes.compactMap(\.rejection).count == 2, "\(failed)")
      // A temporary that could not be removed goes when the next daemon starts.
      try spool.startDaemon()
      try expectAllSettled(spool)
      if !plan.struck { break }
      index += 1
    }
  }

  @Test func nothingIsTrustedBeforeItIsOnTheDisk() throws {
    let spool = try TestSpool()
    try spool.drop("submit-\(Self.token).json", jobFile("job"))
    var admission = try spool.admission()
    let plan = FaultPlan()
    #expect(Syscalls.$fileSystem.withValue(plan) { admission.scan() }.count == 1)
    let calls = plan.calls.map { call in
      // A temporary stands for the file it becomes.
      let parts = call.path.dropFirst(spool.root.count + 1).split(separator: "/")
      let name = parts.last.map { $0.hasSuffix(".tmp") ? $0.dropFirst().split(separator: ".") : [] }
      guard let name, name.count > 2 else {
        return "\(call.operation) \(parts.joined(separator: "/"))"
      }
      let file = parts.dropLast() + [Substring(name.dropLast(2).joined(separator: "."))]
      return "\(call.operation) \(file.joined(separator: "/"))"
    }
    let claim = "spool/claim/1:submit-\(Self.token).json"
    let order = [
      "sync lib/highest-id", "rename lib/highest-id", "sync lib",
      "rename spool/drop/submit-\(Self.token).json", "sync spool/claim", "sync spool/drop",
      "make the directory lib/jobs/1", "sync lib/jobs",
      "sync lib/jobs/1/job.json", "rename lib/jobs/1/job.json", "sync lib/jobs/1",
      "sync lib/jobs/1/events.jsonl", "rename lib/jobs/1/events.jsonl", "sync lib/jobs/1",
      "sync lib/jobs/1/queue-entry.tmp", "rename lib/jobs/1/queue-entry.tmp", "sync lib/jobs/1",
      "rename lib/jobs/1/.queue-entry.tmp",
      "sync lib/queue/queued", "rename lib/receipts/\(Self.token)", "remove \(claim)",
      "sync spool/claim",
    ]
    let changes = ["sync", "rename", "make", "remove"]
    #expect(calls.filter { call in changes.contains { call.hasPrefix($0) } } == order)
  }
}
