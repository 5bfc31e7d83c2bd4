import Glibc
import Synchronization

/// Passes every call on, and remembers those that succeeded, with their data, in their order.
package final class RecordingFileSystem: FileSystem {
  /// What happened.
  package enum Event: Sendable {
    /// A call, with its result.
    case call(FileCall, result: Int)
    /// Bytes that were written to the call's file from `offset` on.
    case write(FileCall, offset: Int, [UInt8])
  }

  private let next: (any FileSystem)?
  private let recorded = Mutex<[Event]>([])

  /// - next: What the calls are passed on to; the kernel if nil.
  package init(_ next: (any FileSystem)? = nil) { self.next = next }

  /// All that happened so far.
  package var events: [Event] { recorded.withLock { $0 } }

  package func perform(_ call: FileCall, _ kernel: () -> Int) -> Int {
    let result = next?.perform(call, kernel) ?? kernel()
    if result >= 0 { record(.call(call, result: result)) }
    return result
  }

  package func write(
    _ call: FileCall, _ bytes: UnsafeRawBufferPointer, _ kernel: (UnsafeRawBufferPointer) -> Int
  ) -> Int {
    let count = unsafe next?.write(call, bytes, kernel) ?? kernel(bytes)
    if count >= 0, let descriptor = call.descriptor {
      // Also where the file is open for appending, its position is now behind what was written.
      let end = lseek(descriptor, 0, SEEK_CUR)
      record(.write(call, offset: end - count, unsafe Array(bytes.prefix(count))))
    }
    return count
  }

  private func record(_ event: Event) { recorded.withLock { $0.append(event) } }
}
