import DurableIO
import Glibc
import Testing

/// The life of a queue, with every single one of its calls failing in every way, recovery included.
@Suite struct FaultTests {
  /// What the machine does to calls.
  struct Trouble: Sendable, CustomTestStringConvertible {
    var fault: FaultPlan.Fault
    var forEver = false
    var testDescription: String { "\(fault)\(forEver ? " for ever" : "")" }
  }

  /// Whatever a life was interrupted by, what was promised until then holds.
  @Test(arguments: [
    Trouble(fault: .failure(EIO)), Trouble(fault: .failure(EIO), forEver: true),
    Trouble(fault: .failure(ENOSPC)), Trouble(fault: .failure(ENOSPC), forEver: true),
  ])
  func whicheverCallFailsNoPromiseIsBroken(trouble: Trouble) throws {
    var index = 0
    while true {
      let plan = FaultPlan(at: index, trouble.fault, forEver: trouble.forEver)
      let life = try Life(plan)
      try? life.runBriefly()
      let found = Oracle.violations(of: life.promises, in: life.layout)
      #expect(found == [], "after \(plan.calls[min(index, plan.calls.count - 1)])")
      if !plan.struck { break }
      index += 1
    }
    #expect(index > 300)
  }

  /// Interrupted calls are repeated and short writes continued, and nobody notices.
  @Test(arguments: [FaultPlan.Fault.failure(EINTR), .shortWrite])
  func interruptionsAndShortWritesAreInvisible(fault: FaultPlan.Fault) throws {
    let life = try Life(FaultPlan(at: 0, fault, forEver: true))
    try life.runQueue()
    #expect(Oracle.violations(of: life.promises, in: life.layout) == [])
  }
}
