import CLinux
import Glibc

/// The seam between this package's state on disk and the kernel: every call that reads or changes
/// state goes through here, so that tests can make any one of them fail.
///
/// Calls interrupted by a signal are repeated. A failure is a `SystemError` naming the path.
package enum Syscalls {
  /// The faults that the calls of the current task meet.
  @TaskLocal package static var faults: FaultPlan?

  /// Makes one call; `body` returns −1 and sets `errno` on failure, as the kernel's calls do.
  @discardableResult
  static func call<Result: SignedInteger>(
    _ operation: String, _ path: String, _ body: () -> Result
  ) throws(SystemError) -> Result {
    switch faults?.next(operation, path) ?? .proceed {
    case .proceed: break
    case .fail(let code), .tear(let code):
      throw SystemError(operation: operation, path: path, code: code)
    }
    while true {
      let result = body()
      if result != -1 { return result }
      if errno != EINTR { throw SystemError(operation: operation, path: path, code: errno) }
    }
  }

  /// One `write`, which may write less than asked.
  static func write(
    _ descriptor: Int32, _ path: String, _ bytes: UnsafeRawBufferPointer
  ) throws(SystemError) -> Int {
    switch faults?.next("write", path) ?? .proceed {
    case .proceed: break
    case .fail(let code): throw SystemError(operation: "write", path: path, code: code)
    case .tear(let code):
      _ = unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count / 2)
      throw SystemError(operation: "write", path: path, code: code)
    }
    while true {
      let written = unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
      if written != -1 { return written }
      if errno != EINTR { throw SystemError(operation: "write", path: path, code: errno) }
    }
  }
}
