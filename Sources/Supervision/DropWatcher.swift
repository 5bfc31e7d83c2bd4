// Watches `drop/` with inotify(7). What it says are hints that something may have come: whoever
// listens looks for himself, and looks again every half minute, as hints get lost when the
// kernel's queue overflows or the directory is replaced.

package import DurableIO
import Glibc

/// Notices files that appear in a directory.
package final class DropWatcher {
  /// Readable when there is a hint.
  package let descriptor: Int32

  /// Watches `directory` for files that are written or moved into it.
  package init(_ directory: String) throws(SystemError) {
    descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
    guard descriptor >= 0 else {
      throw SystemError(operation: "watch", path: directory, code: errno)
    }
    let events = UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR)
    guard unsafe inotify_add_watch(descriptor, directory, events) >= 0 else {
      let code = errno
      close(descriptor)
      throw SystemError(operation: "watch", path: directory, code: code)
    }
  }

  deinit { close(descriptor) }

  /// Takes the hints that there are: a burst of files is one. Of more than a megabyte, which may come
  /// faster than they are taken, some are left, and wake the daemon again.
  package func takeHints() {
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    for _ in 0..<16 where unsafe read(descriptor, &buffer, buffer.count) <= 0 { return }
  }
}
