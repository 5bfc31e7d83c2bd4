/// The scheduler's timers as sleeping tasks; none of them means no wakeup.
struct Timers: ~Copyable {
  private var running: [SchedulerTimer: Task<Void, Never>] = [:]
  private let fire: @Sendable (SchedulerTimer) -> Void

  init(fire: @escaping @Sendable (SchedulerTimer) -> Void) { self.fire = fire }

  deinit { for task in running.values { task.cancel() } }

  /// Starts `timer`, or starts it anew.
  mutating func start(_ timer: SchedulerTimer, after delay: Duration) {
    cancel(timer)
    running[timer] = Task.detached { [fire] in
      do {
        try await Task.sleep(for: delay)
        fire(timer)
      } catch {
        // Cancelled.
      }
    }
  }

  /// Stops `timer` if it runs; also to be called when it has fired.
  mutating func cancel(_ timer: SchedulerTimer) {
    running.removeValue(forKey: timer)?.cancel()
  }
}
