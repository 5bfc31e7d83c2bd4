internal import Glibc

/// A fixed team of threads for loops whose iterations are independent.
///
/// Iterations are handed out in order to whichever thread is free, so which thread does what is
/// not fixed: a body's result must depend on its index alone. One `run` at a time.
public final class ThreadPool: Sendable {
  /// Threads in the team, the caller of `run` included.
  public let threads: Int
  private let team: Team

  /// Starts `threads` − 1 threads; the caller of `run` is the last one.
  public init(threads: Int) {
    precondition(threads > 0, "a pool has at least one thread")
    self.threads = threads
    team = Team()
    for thread in 1..<max(threads, 1) { Self.start(thread, team) }
  }

  deinit { team.close() }

  /// Calls `body(index, thread)` for every index of 0 ..< `count`, with thread in 0 ..< `threads`,
  /// no two calls at a time with the same thread; returns when all calls have.
  public func run(_ count: Int, _ body: @escaping @Sendable (_ index: Int, _ thread: Int) -> Void) {
    team.open(Loop(count: count, body: body))
    team.work(as: 0)
    team.waitUntilDone()
  }

  private static func start(_ thread: Int, _ team: Team) {
    let start = unsafe Unmanaged.passRetained(Start(thread: thread, team: team))
    var id = pthread_t()
    let code = unsafe pthread_create(
      &id, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        while start.team.waitForLoop() { start.team.work(as: start.thread) }
        return nil
      }, start.toOpaque())
    precondition(code == 0, "the system refuses another thread (error \(code))")
    pthread_detach(id)
  }
}

private final class Start: Sendable {
  let thread: Int
  let team: Team
  init(thread: Int, team: Team) {
    self.thread = thread
    self.team = team
  }
}

private struct Loop {
  let count: Int
  let body: @Sendable (Int, Int) -> Void
}

/// The state that the threads share. `@unchecked`: everything mutable is touched only with `mutex`
/// held; the pthread objects never move because they are allocated.
@safe private final class Team: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var loop: Loop?
  private var next = 0
  private var unfinished = 0
  private var closed = false

  init() {
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(changed, nil)
  }

  deinit {
    unsafe pthread_cond_destroy(changed)
    unsafe pthread_mutex_destroy(mutex)
    unsafe changed.deallocate()
    unsafe mutex.deallocate()
  }

  func open(_ loop: Loop) {
    locked {
      precondition(self.loop == nil, "ThreadPool.run is not reentrant")
      self.loop = loop
      next = 0
      unfinished = loop.count
    }
  }

  func close() { locked { closed = true } }

  /// Takes indices until none is left.
  func work(as thread: Int) {
    while let (body, index) = take() {
      body(index, thread)
      locked { unfinished -= 1 }
    }
  }

  func waitUntilDone() {
    wait { unfinished == 0 }
    locked { loop = nil }
  }

  /// Returns whether there is work; false when the pool is gone.
  func waitForLoop() -> Bool {
    wait { closed || (loop.map { next < $0.count } ?? false) }
    return !closed
  }

  private func take() -> (@Sendable (Int, Int) -> Void, Int)? {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    guard let loop, next < loop.count else { return nil }
    next += 1
    return (loop.body, next - 1)
  }

  private func locked(_ change: () -> Void) {
    unsafe pthread_mutex_lock(mutex)
    change()
    unsafe pthread_cond_broadcast(changed)
    unsafe pthread_mutex_unlock(mutex)
  }

  private func wait(until condition: () -> Bool) {
    unsafe pthread_mutex_lock(mutex)
    while !condition() { unsafe pthread_cond_wait(changed, mutex) }
    unsafe pthread_mutex_unlock(mutex)
  }
}
