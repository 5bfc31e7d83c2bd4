import Glibc
import Synchronization

/// A file system in which chosen calls fail.
///
/// A call fails once and life goes on, or it and all later ones do. A write that fails leaves the
/// first half of its bytes behind.
package final class FaultPlan: FileSystem {
  /// What happens at the chosen call.
  package enum Fault: Sendable, Equatable {
    /// It fails with this `errno`. With `EINTR` that is once and may be repeated; `ENOSPC` for ever
    /// strikes only calls that take room.
    case failure(Int32)
    /// If it is a write, the kernel takes half of it.
    case shortWrite
    /// The process is as good as dead: it and all later calls have no effect.
    case crash
  }

  private let index: Int
  private let fault: Fault
  private let forEver: Bool
  private let prelude: @Sendable (FileCall) -> Void
  private let state = Mutex(State())

  private struct State {
    var calls: [FileCall] = []
    /// The last call was interrupted, and this one is its repetition.
    var isInterrupted = false
  }

  /// A plan in which call number `index`, counted from 0, meets `fault`.
  ///
  /// - forEver: All later ones do as well.
  package init(at index: Int, _ fault: Fault, forEver: Bool = false) {
    self.index = index
    self.fault = fault
    self.forEver = forEver || fault == .crash
    prelude = { _ in }
  }

  /// A plan that lets everything pass and remembers it.
  ///
  /// - prelude: Runs before each call, as another process may; its own calls do not count.
  package init(before prelude: @escaping @Sendable (FileCall) -> Void = { _ in }) {
    index = .max
    fault = .crash
    forEver = false
    self.prelude = prelude
  }

  /// The calls so far, in order.
  package var calls: [FileCall] { state.withLock { $0.calls } }

  /// Whether the fault was met.
  package var struck: Bool { state.withLock { $0.calls.count > index } }

  package func perform(_ call: FileCall, _ kernel: () -> Int) -> Int {
    switch fault(at: call) {
    case .failure(let code): -Int(code)
    case .crash: -Int(EIO)
    case .shortWrite, nil: kernel()
    }
  }

  package func write(
    _ call: FileCall, _ bytes: UnsafeRawBufferPointer, _ kernel: (UnsafeRawBufferPointer) -> Int
  ) -> Int {
    let half = unsafe UnsafeRawBufferPointer(rebasing: bytes.prefix(max(bytes.count / 2, 1)))
    switch fault(at: call) {
    case .failure(EINTR): return -Int(EINTR)
    case .failure(let code):
      _ = unsafe kernel(half)
      return -Int(code)
    case .crash:
      if calls.count - 1 == index { _ = unsafe kernel(half) }
      return -Int(EIO)
    case .shortWrite: return unsafe kernel(half)
    case nil: return unsafe kernel(bytes)
    }
  }

  /// Counts the call; returns the fault that it meets.
  private func fault(at call: FileCall) -> Fault? {
    Syscalls.$fileSystem.withValue(nil) { prelude(call) }
    return state.withLock { state in
      let number = state.calls.count
      state.calls.append(call)
      guard number == index || forEver && number > index else { return nil }
      switch fault {
      case .failure(EINTR):
        state.isInterrupted.toggle()
        return state.isInterrupted ? fault : nil
      case .failure(ENOSPC) where forEver: return call.takesRoom ? fault : nil
      default: return fault
      }
    }
  }
}
