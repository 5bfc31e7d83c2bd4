@testable import DurableIO
import TestSupport

/// Runs `body` once for every system call that it makes, with that call meeting `fault`, in a
/// folder of its own; `check` then looks at what is left.
func forEachCall<Value>(
  _ fault: FaultPlan.Fault, forEver: Bool = false, prepare: (TemporaryFolder) throws -> Void,
  _ body: (TemporaryFolder) throws -> Value,
  check: (TemporaryFolder, Result<Value, any Error>) throws -> Void
) throws -> Int {
  var index = 0
  while true {
    let folder = try TemporaryFolder()
    try prepare(folder)
    let plan = FaultPlan(at: index, fault, forEver: forEver)
    let result = Syscalls.$fileSystem.withValue(plan) { Result { try body(folder) } }
    try check(folder, result)
    if !plan.struck { return index }
    index += 1
  }
}
