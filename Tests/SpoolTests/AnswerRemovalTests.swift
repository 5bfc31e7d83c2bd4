import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

/// Refused files and receipts, which are removed after a while, and what must outlast them.
@Suite struct AnswerRemovalTests {
  private static let day = 86400

  /// A spool whose refused files are these, the first refused the longest ago: so many days.
  private func spool(refused: [(name: String, days: Int)]) throws -> TestSpool {
    let spool = try TestSpool(onDisk: false)
    for (name, _) in refused { try spool.drop(name, "[]") }
    spool.passTime(seconds: 60)
    try spool.startDaemon()
    for (name, days) in refused {
      let time = timeval(tv_sec: Int(time(nil)) - days * Self.day, tv_usec: 0)
      #expect(unsafe utimes("\(spool.layout.rejected)/\(name).reason", [time, time]) == 0)
    }
    return spool
  }

  private func removeRejected(
    _ spool: TestSpool, age: Int? = nil, count: Int? = nil, atMost limit: Int = 100
  ) throws -> [String] {
    var retention = AnswerRemoval.Retention()
    retention.rejectedAge = age.map { .seconds($0 * Self.day) }
    retention.rejectedCount = count
    return try AnswerRemoval(spool.layout).removeRejected(
      retention, atMost: limit, now: .now()
    ).removed
  }

  @Test func refusedFilesAreKeptAsLongAndAsManyAsIsSaid() throws {
    let files = [("c.json", 40), ("a.json", 31), ("b.txt", 29), ("d.json", 0)]
    let spool = try spool(refused: files)
    func names() throws -> [String] { try spool.names(spool.layout.rejected) }
    #expect(try removeRejected(spool).isEmpty)
    #expect(try removeRejected(spool, age: 41, count: 4).isEmpty)
    #expect(try removeRejected(spool, age: 30, atMost: 1) == ["c.json"])
    #expect(try removeRejected(spool, age: 30) == ["a.json"])
    #expect(try names() == ["b.txt", "b.txt.reason", "d.json", "d.json.reason"])
    #expect(try removeRejected(spool, count: 1) == ["b.txt"])
    #expect(try removeRejected(spool, count: 0) == ["d.json"])
    #expect(try names().isEmpty)
  }

  @Test(arguments: [FaultPlan.Fault.crash, .failure(EIO)])
  func killedAnywhereNoFileStaysWithoutItsReason(fault: FaultPlan.Fault) throws {
    var index = 0
    while true {
      let spool = try spool(refused: [("a.json", 40), ("b.json", 40), ("new.json", 1)])
      // Of all that can be refused a folder takes the most steps.
      try Directory.remove(spool.layout.rejected + "/b.json")
      try Directory.create(spool.layout.rejected + "/b.json/c")
      let plan = FaultPlan(at: index, fault)
      Syscalls.$fileSystem.withValue(plan) { _ = try? removeRejected(spool, age: 30) }
      let left = try spool.names(spool.layout.rejected)
      for name in left where !name.hasSuffix(".reason") {
        #expect(left.contains(name + ".reason"), "\(name) was refused for no reason")
      }
      _ = try removeRejected(spool, age: 30)
      #expect(try spool.names(spool.layout.rejected) == ["new.json", "new.json.reason"])
      if !plan.struck { break }
      index += 1
    }
    #expect(index > 8)
  }

  @Test func receiptsGoAndKeysStay() throws {
    let spool = try TestSpool(onDisk: false)
    let file = Array(
      jobFile("kept").replacing("\"count\"", with: #""queue": {"idempotency_key": "k"}, "count""#)
        .utf8)
    let job = try Submission.submit(file, to: spool.layout)
    try spool.startDaemon()
    let command = try Submission.submit(Array(cancelFile(1).utf8), to: spool.layout)
    try spool.startDaemon()
    func remove(after days: Int, atMost limit: Int = 100) throws -> Int {
      try AnswerRemoval(spool.layout).removeReceipts(
        .init(), atMost: limit,
        now: Timestamp(
          milliseconds: Timestamp.now().milliseconds + Int64(days * Self.day) * 1000))
    }
    #expect(try remove(after: 6) == 0)
    for token in [job, command] {
      #expect(try Submission.outcome(of: token, in: spool.layout) == .accepted(job: 1))
    }
    #expect(try remove(after: 8, atMost: 1) == 1)
    #expect(try remove(after: 8) == 1)
    #expect(try spool.names(spool.layout.receipts).isEmpty)
    let again = try Submission.submit(file, to: spool.layout)
    try spool.startDaemon()
    #expect(try Submission.outcome(of: again, in: spool.layout) == .accepted(job: 1))
    // Nor does the job's own removal miss the receipt.
    try JobRemoval(spool.layout).begin(1, in: .cancelled)
    try JobRemoval(spool.layout).finish(1)
    #expect(try spool.jobs().isEmpty)
  }
}
