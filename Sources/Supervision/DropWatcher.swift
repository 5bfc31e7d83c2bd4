// Watches `drop/` with inotify(7). What it says are hints that something may have come: whoever
// listens looks for himself, and looks again every half minute, as hints get lost when the
// kernel's queue overflows or the directory is replaced.

import Dispatch
package import DurableIO
import Glibc

/// Calls back when files appear in a directory, until it goes.
package final class DropWatcher {
  private let source: any DispatchSourceRead

  /// Watches `directory`; `changed` is called on a thread of its own, once for a burst of files.
  package init(
    _ directory: String, changed: @escaping @Sendable () -> Void
  ) throws(SystemError) {
    let descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
    guard descriptor >= 0 else {
      throw SystemError(operation: "watch", path: directory, code: errno)
    }
    let events = UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR)
    guard unsafe inotify_add_watch(descriptor, directory, events) >= 0 else {
      let code = errno
      close(descriptor)
      throw SystemError(operation: "watch", path: directory, code: code)
    }
    source = DispatchSource.makeReadSource(
      fileDescriptor: descriptor, queue: DispatchQueue(label: "drop watcher"))
    source.setEventHandler {
      var buffer = [UInt8](repeating: 0, count: 64 * 1024)
      while unsafe read(descriptor, &buffer, buffer.count) > 0 {}
      changed()
    }
    source.setCancelHandler { close(descriptor) }
    source.activate()
  }

  deinit { source.cancel() }
}
