/// A thread for work that others go on beside, such as reading the next batch: it does one piece after
/// another, in the order in which they were given.
public final class BackgroundThread: Sendable {
  private let queue = WorkQueue()

  /// Starts the thread; it ends with the object, once all its work is done.
  public init() {
    startThread { [queue] in
      while let work = queue.next() { work() }
    }
  }

  deinit { queue.close() }

  /// Has `work` done and returns at once; its result is waited for with `Pending.wait`.
  public func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) -> Pending<Value> {
    let pending = Pending<Value>()
    queue.add { pending.fulfil(work()) }
    return pending
  }
}

/// The result of a piece of work that may still be under way. `@unchecked`: `value` is touched only
/// inside `monitor`.
public final class Pending<Value: Sendable>: @unchecked Sendable {
  private let monitor = Monitor()
  private var value: Value?

  fileprivate init() {}

  fileprivate func fulfil(_ value: Value) { monitor.change { self.value = value } }

  /// Returns the result, once there is one.
  public func wait() -> Value {
    monitor.wait(until: { value != nil }) {
      guard let value else { preconditionFailure("waited until there was a value") }
      return value
    }
  }
}

/// `@unchecked`: everything mutable is touched only inside `monitor`.
private final class WorkQueue: @unchecked Sendable {
  private let monitor = Monitor()
  private var work: [@Sendable () -> Void] = []
  private var closed = false

  func add(_ piece: @escaping @Sendable () -> Void) { monitor.change { work.append(piece) } }

  func close() { monitor.change { closed = true } }

  /// The next piece, waited for; nil when the queue is closed and empty.
  func next() -> (@Sendable () -> Void)? {
    monitor.wait(until: { closed || !work.isEmpty }) { work.isEmpty ? nil : work.removeFirst() }
  }
}
