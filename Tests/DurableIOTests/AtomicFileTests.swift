import DurableIO
import Glibc
import TestSupport
import Testing

@Suite struct AtomicFileTests {
  static let faults: [FaultPlan.Fault] = [
    .crash, .failure(ENOSPC), .failure(EIO), .failure(EMFILE),
  ]

  @Test(arguments: faults) func holdsTheOldOrTheNewContentWhicheverCallFails(
    fault: FaultPlan.Fault
  ) throws {
    let old = [UInt8](repeating: 1, count: 10_000)
    let new = [UInt8](repeating: 2, count: 20_000)
    let calls = try forEachCall(
      fault, prepare: { try AtomicFile.write(old, to: $0("state")) },
      { try AtomicFile.write(new, to: $0("state")) },
      check: { folder, result in
        let found = try readFile(folder("state"))
        #expect(found == old || found == new)
        if case .success = result { #expect(found == new) }
        if fault != .crash {
          #expect(try Directory.names(in: folder.path) == ["state"], "the temporary is gone")
        }
        // And life goes on: what a killed process left behind is in nobody's way.
        try Directory.removeTemporaries(in: folder.path)
        try AtomicFile.write(new, to: folder("state"))
        #expect(try readFile(folder("state")) == new)
        #expect(try Directory.names(in: folder.path) == ["state"])
      })
    #expect(calls >= 5, "open, write, sync, rename and the directory's sync were met")
  }

  /// A signal, or a kernel that takes less than it was given, is nobody's business.
  @Test(arguments: [FaultPlan.Fault.failure(EINTR), .shortWrite], [false, true])
  func interruptionsAndShortWritesAreInvisible(fault: FaultPlan.Fault, forEver: Bool) throws {
    let content = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
    let calls = try forEachCall(
      fault, forEver: forEver, prepare: { _ in },
      {
        try AtomicFile.write(content, to: $0("state"))
        try AppendLog($0("log")).append("line")
      },
      check: { folder, result in
        _ = try result.get()
        #expect(try readFile(folder("state")) == content)
        #expect(try AppendLog.lines(of: folder("log")) == ["line"])
        #expect(try Directory.names(in: folder.path) == ["log", "state"])
      })
    #expect(calls > 10)
  }

  @Test func syncsTheContentBeforeTheNameAndTheNameBeforeReturning() throws {
    let folder = try TemporaryFolder()
    let plan = FaultPlan()
    try Syscalls.$fileSystem.withValue(plan) { try AtomicFile.write("x", to: folder("a")) }
    #expect(plan.calls.map(\.operation) == ["open", "write", "sync", "rename", "open", "sync"])
    #expect(plan.calls.last?.path == folder.path)
    #expect(plan.calls[2].path == plan.calls[3].path)
  }

  @Test func doesNotReplaceWhatIsThereIfAskedNotTo() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write("first", to: folder("a"), replacing: false)
    let error = #expect(throws: SystemError.self) {
      try AtomicFile.write("second", to: folder("a"), replacing: false)
    }
    #expect(error?.isAlreadyThere == true)
    #expect(try readFile(folder("a")) == Array("first".utf8))
    #expect(try Directory.names(in: folder.path) == ["a"])
  }

  @Test func dropsAFileWhoseWriterThrows() throws {
    let folder = try TemporaryFolder()
    #expect(throws: SystemError.self) {
      try AtomicFile.write(to: folder("a")) { (file) throws(SystemError) in
        try file.write(Array("half".utf8))
        throw SystemError(operation: "write", path: "a", code: ENOSPC)
      }
    }
    #expect(try Directory.names(in: folder.path).isEmpty)
  }
}
