import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

/// Many files that are refused together.
@Suite struct RefusalTests {
  private let names = (0...Admission.NewJobs.few).map { "\($0).json" }

  private func refused(_ spool: TestSpool) throws -> Set<String> {
    let left = try spool.names(spool.layout.rejected)
    let files = left.filter { !$0.hasSuffix(".reason") && !$0.hasPrefix(".") }
    for name in files {
      #expect(left.contains(name + ".reason"), "\(name) was refused for no reason")
    }
    return Set(files)
  }

  /// Each is refused for its own reason, wherever the daemon dies or the machine fails.
  @Test(arguments: [FaultPlan.Fault.crash, .failure(EIO)])
  func killedAnywhereEachIsRefusedWithItsReason(fault: FaultPlan.Fault) throws {
    var index = 0
    while true {
      let spool = try TestSpool(onDisk: false)
      for name in names { try spool.drop(name, #"{"schema": "\#(name)"}"#) }
      var admission = try spool.admission()
      let plan = FaultPlan(at: index, fault)
      let outcomes = Syscalls.$fileSystem.withValue(plan) { admission.scan() }
      let moved = try refused(spool)
      if fault != .crash {
        #expect(Set(outcomes.compactMap(\.rejectedName)) == moved, "each is reported")
        #expect(admission.scan().count == names.count - moved.count)
      }
      try spool.startDaemon()
      #expect(try refused(spool) == Set(names))
      for name in names {
        let reason = try readFile(spool.layout.reason(ofRejected: name))
        #expect(String(decoding: reason, as: UTF8.self).contains(#""\#(name)""#))
      }
      try spool.expectAtRest()
      if !plan.struck { break }
      index += 1
    }
    #expect(index > 9 * names.count)
  }
}

extension Admission.Outcome {
  fileprivate var rejectedName: String? {
    if case .rejected(let name, _, _) = self { name } else { nil }
  }
}
