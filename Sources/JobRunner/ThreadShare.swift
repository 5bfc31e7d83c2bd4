// What the daemon tells a running worker, line by line on its standard input: how many threads it
// may use now. Jobs that run at the same time share the processors, and results do not depend on
// the number of threads, so it can change between any two steps.

import Glibc
import Jobs
import TensorCore

/// The threads that the job may use at present.
public final class ThreadShare {
  let limit: ThreadLimit
  private let input: Int32
  private var unread: [UInt8] = []
  private var isOpen = true

  /// A share of `count` threads.
  ///
  /// - input: the descriptor on which the daemon says how many there are from then on.
  public init(_ count: Int, input: Int32) {
    limit = ThreadLimit(count)
    self.input = input
  }

  /// Takes what the daemon has said meanwhile, without waiting for it.
  func update() {
    while isOpen, isReadable {
      var bytes = [UInt8](repeating: 0, count: 4096)
      let count = unsafe read(input, &bytes, bytes.count)
      if count <= 0 { isOpen = count < 0 && errno == EINTR }
      unread += bytes.prefix(max(count, 0))
      while let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: unread[..<end], as: UTF8.self)
        if case .threads(let count)? = WorkerInstruction(line: line) { limit.count = count }
        unread.removeSubrange(...end)
      }
    }
  }

  private var isReadable: Bool {
    var query = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&query, 1, 0) > 0
  }
}
