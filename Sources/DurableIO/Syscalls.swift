import Glibc

/// The seam between this package's state on disk and the kernel: every call that reads or changes
/// state goes through here, so that tests can put a `FileSystem` of their own in between.
///
/// Calls interrupted by a signal are repeated. A failure is a `SystemError` naming the path.
package enum Syscalls {
  /// What carries out the calls of the current task; the kernel if nil.
  @TaskLocal package static var fileSystem: (any FileSystem)?

  /// Makes one call; `kernel` returns −1 and sets `errno` on failure, as the kernel's calls do.
  @discardableResult
  static func call<Result: FixedWidthInteger & SignedInteger>(
    _ operation: String, _ path: String, _ kernel: () -> Result
  ) throws(SystemError) -> Result {
    try call(FileCall(operation: operation, path: path), kernel)
  }

  /// Makes one call; it is described only to who wants to know.
  @discardableResult
  static func call<Result: FixedWidthInteger & SignedInteger>(
    _ call: @autoclosure () -> FileCall, _ kernel: () -> Result
  ) throws(SystemError) -> Result {
    let result = try untilUninterrupted(call) {
      guard let fileSystem else { return orErrno(Int(kernel())) }
      return fileSystem.perform(call()) { orErrno(Int(kernel())) }
    }
    return Result(result)
  }

  /// Makes one `write`, which may write less than asked.
  static func write(
    _ descriptor: Int32, _ path: String, _ bytes: UnsafeRawBufferPointer
  ) throws(SystemError) -> Int {
    let call = { FileCall(operation: "write", path: path, descriptor: descriptor) }
    func kernel(_ bytes: UnsafeRawBufferPointer) -> Int {
      unsafe orErrno(Glibc.write(descriptor, bytes.baseAddress, bytes.count))
    }
    return try untilUninterrupted(call) {
      guard let fileSystem else { return unsafe kernel(bytes) }
      return unsafe fileSystem.write(call(), bytes) { unsafe kernel($0) }
    }
  }

  private static func untilUninterrupted(
    _ call: () -> FileCall, _ make: () -> Int
  ) throws(SystemError) -> Int {
    while true {
      let result = make()
      if result >= 0 { return result }
      if -result != EINTR {
        let call = call()
        throw SystemError(
          operation: call.operation, path: call.path, code: Int32(truncatingIfNeeded: -result))
      }
    }
  }

  private static func orErrno(_ result: Int) -> Int { result == -1 ? -Int(errno) : result }
}
