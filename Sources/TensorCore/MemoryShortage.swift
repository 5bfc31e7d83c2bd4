import Synchronization

/// What happens when there is no memory for a buffer: no pass can go on without it, so the process
/// ends. Whoever knows why there is too little can say so first.
public enum MemoryShortage {
  private static let handler = Mutex<(@Sendable (_ wanted: Int) -> Void)?>(nil)

  /// Has `body` called, on whichever thread it happens, with the bytes that are not to be had.
  public static func handle(_ body: @escaping @Sendable (_ wanted: Int) -> Void) {
    handler.withLock { $0 = body }
  }

  static func end(wanting bytes: Int) -> Never {
    handler.withLock { $0 }?(bytes)
    preconditionFailure("the system has no memory for another \(bytes) bytes")
  }
}
