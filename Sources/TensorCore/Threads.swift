internal import Glibc

/// Runs `body` on a new thread. Plain pthreads: libdispatch would keep threads of its own that wake
/// up now and then, and asks for priorities that a sandboxed service may not have.
func startThread(_ body: @escaping @Sendable () -> Void) {
  let context = unsafe Unmanaged.passRetained(ThreadBody(run: body))
  var id = pthread_t()
  let code = unsafe pthread_create(
    &id, nil,
    { argument in
      guard let argument = unsafe argument else { return nil }
      unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
      return nil
    }, context.toOpaque())
  precondition(code == 0, "the system refuses another thread (error \(code))")
  pthread_detach(id)
}

private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void
  init(run: @escaping @Sendable () -> Void) { self.run = run }
}

/// A lock, and a place to wait until what it guards has changed. `@unchecked`: the pthread objects
/// are made for use by many threads, and never move because they are allocated.
@safe final class Monitor: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

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

  /// Runs `body` with the lock held, then wakes all who wait.
  func change<Value>(_ body: () -> Value) -> Value {
    unsafe pthread_mutex_lock(mutex)
    defer {
      unsafe pthread_cond_broadcast(changed)
      unsafe pthread_mutex_unlock(mutex)
    }
    return body()
  }

  /// Waits until `condition` holds, then runs `body`, both with the lock held.
  func wait<Value>(until condition: () -> Bool, _ body: () -> Value) -> Value {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while !condition() { unsafe pthread_cond_wait(changed, mutex) }
    return body()
  }
}
