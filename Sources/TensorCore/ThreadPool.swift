import Synchronization

/// How many threads of each pool may work at a time. It can be changed at any moment, from any
/// thread; a loop that is under way heeds it with the next of its iterations.
public final class ThreadLimit: Sendable {
  private let atomic: Atomic<Int>

  /// Allows `count` threads, at least one.
  public init(_ count: Int) { atomic = Atomic(max(count, 1)) }

  /// The number of threads; one at least, whatever it is set to.
  public var count: Int {
    get { atomic.load(ordering: .relaxed) }
    set { atomic.store(max(newValue, 1), ordering: .relaxed) }
  }
}

/// A fixed team of threads for loops whose iterations are independent.
///
/// Iterations are handed out in order to whichever thread is free, so which thread does what is
/// not fixed: a body's result must depend on its index alone. One `run` at a time.
public final class ThreadPool: Sendable {
  /// Threads in the team, the caller of `run` included.
  public let threads: Int
  private let team: Team

  /// Starts `threads` − 1 threads; the caller of `run` is the last one.
  ///
  /// - limit: how many of them work; all if there is none.
  public init(threads: Int, limit: ThreadLimit? = nil) {
    precondition(threads > 0, "a pool has at least one thread")
    self.threads = threads
    team = Team(limit: limit)
    for thread in 1..<threads {
      startThread { [team] in
        while team.waitForLoop(as: thread) { team.work(as: thread) }
      }
    }
  }

  deinit { team.close() }

  /// Calls `body(index, thread)` for every index of 0 ..< `count`, with thread in 0 ..< `threads`,
  /// no two calls at a time with the same thread; returns when all calls have.
  public func run(_ count: Int, _ body: @escaping @Sendable (_ index: Int, _ thread: Int) -> Void) {
    team.open(Loop(count: count, body: body))
    team.work(as: 0)
    team.waitUntilDone()
  }
}

private struct Loop {
  let count: Int
  let body: @Sendable (Int, Int) -> Void
}

/// The loop that the threads share. `@unchecked`: everything mutable is touched only inside `monitor`.
private final class Team: @unchecked Sendable {
  private let monitor = Monitor()
  private let limit: ThreadLimit?
  private var loop: Loop?
  private var next = 0
  private var unfinished = 0
  private var closed = false

  init(limit: ThreadLimit?) { self.limit = limit }

  func open(_ loop: Loop) {
    monitor.change {
      precondition(self.loop == nil, "ThreadPool.run is not reentrant")
      self.loop = loop
      next = 0
      unfinished = loop.count
    }
  }

  func close() { monitor.change { closed = true } }

  /// Takes indices until none is left.
  func work(as thread: Int) {
    while mayWork(thread), let (body, index) = take() {
      body(index, thread)
      monitor.change { unfinished -= 1 }
    }
  }

  func waitUntilDone() {
    monitor.wait(until: { unfinished == 0 }) { loop = nil }
  }

  /// Returns whether there is work; false when the pool is gone.
  func waitForLoop(as thread: Int) -> Bool {
    monitor.wait(
      until: { closed || mayWork(thread) && (loop.map { next < $0.count } ?? false) }
    ) { !closed }
  }

  /// Always so for thread 0, which therefore sees every loop to its end.
  private func mayWork(_ thread: Int) -> Bool { limit.map { thread < $0.count } ?? true }

  private func take() -> (@Sendable (Int, Int) -> Void, Int)? {
    monitor.change {
      guard let loop, next < loop.count else { return nil }
      next += 1
      return (loop.body, next - 1)
    }
  }
}
