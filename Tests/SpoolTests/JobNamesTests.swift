import DurableIO
import Jobs
import TestSupport
import Testing

@testable import Spool

/// Whom a name means.
@Suite struct JobNamesTests {
  /// Jobs come, are called otherwise, and go; the newest of a name is found as by looking at all.
  @Test(arguments: 0..<4 as Range<UInt64>)
  func theNewestIsFound(seed: UInt64) throws {
    let spool = try TestSpool(onDisk: false)
    var admission = try spool.admission()
    var random = SplitMix(seed: seed)
    for turn in 0..<60 {
      let name = ["a", "b", "c"].randomElement(using: &random) ?? ""
      let ids = try spool.queue.ids(in: .queued)
      switch (Int.random(in: 0..<3, using: &random), ids.randomElement(using: &random)) {
      case (1, let id?):
        try spool.drop("edit.json", commandFile("edit", id, ", \"file\": \(jobFile(name))"))
      case (2, let id?):
        try spool.queue.move(id, from: .queued, to: .cancelled)
        try spool.drop("remove.json", commandFile("remove", id))
      default:
        try spool.drop("\(turn).json", jobFile(name))
      }
      #expect(admission.scan().count == 1)
      let before = Int.random(in: 1...60, using: &random)
      let jobs = try spool.reader.jobs().filter { $0.id < before && $0.envelope?.spec.name == name }
      #expect(try admission.names.newest(name, before: before) == jobs.last?.id)
    }
  }

  /// Many jobs may wait for an old one: that is no look at all the others for each.
  @Test func manyNamesCostOneLook() throws {
    let spool = try TestSpool(onDisk: false)
    var admission = try spool.admission()
    for name in 0..<30 { try spool.drop("\(name).json", jobFile("job-\(name)")) }
    _ = admission.scan()
    let old = try #require(try spool.jobs()["job-0"]?.id)
    let plan = FaultPlan()
    let names = admission.names
    let found = try Syscalls.$fileSystem.withValue(plan) {
      try (32..<62).map { try names.newest("job-0", before: $0) }
    }
    #expect(found.allSatisfy { $0 == old })
    let files = plan.calls.filter { $0.operation == "open" && $0.path.hasSuffix("/job.json") }
    #expect(files.count == 30 + 30, "all once, then the one that is meant")
  }
}
