import Glibc
import Synchronization

/// Decides, call by call, which system calls of the current task fail. For tests.
///
/// Two kinds of fault: one call fails and life goes on (a full disk that clears), or the process
/// dies at that call: it and all later ones have no effect. Either way a write that meets its
/// fault leaves the first half of its bytes behind.
package final class FaultPlan: Sendable {
  /// What happens at the chosen call.
  package enum Fault: Sendable, Equatable {
    /// It fails with this `errno`; the calls after it succeed.
    case failure(Int32)
    /// The process is as good as dead from here on.
    case crash
  }

  /// A call as it was asked for.
  package struct Call: Sendable, Equatable, CustomStringConvertible {
    package let operation: String
    package let path: String
    package var description: String { operation + " " + path }
  }

  enum Verdict: Equatable {
    case proceed
    case fail(Int32)
    /// Fails after half of its work.
    case tear(Int32)
  }

  private let index: Int
  private let fault: Fault
  private let prelude: @Sendable (Call) -> Void
  private let trace = Mutex<[Call]>([])

  /// A plan in which call number `index`, counted from 0, meets `fault`.
  package init(at index: Int, _ fault: Fault) {
    self.index = index
    self.fault = fault
    prelude = { _ in }
  }

  /// A plan that lets everything pass and remembers it.
  ///
  /// - prelude: Runs before each call, as another process may; its own calls do not count.
  package init(before prelude: @escaping @Sendable (Call) -> Void = { _ in }) {
    index = .max
    fault = .crash
    self.prelude = prelude
  }

  /// The calls so far, in order.
  package var calls: [Call] { trace.withLock { $0 } }

  /// Whether the fault was met.
  package var struck: Bool { trace.withLock { $0.count > index } }

  func next(_ operation: String, _ path: String) -> Verdict {
    let call = Call(operation: operation, path: path)
    let number = trace.withLock { calls in
      calls.append(call)
      return calls.count - 1
    }
    Syscalls.$faults.withValue(nil) { prelude(call) }
    let code: Int32
    switch fault {
    case .failure(let errno): code = errno
    case .crash: code = EIO
    }
    if number == index { return operation == "write" ? .tear(code) : .fail(code) }
    return number > index && fault == .crash ? .fail(code) : .proceed
  }
}
