/// The scheduler's timers: moments that the supervisor's sleep ends at.
struct Timers {
  private var deadlines: [SchedulerTimer: ContinuousClock.Instant] = [:]

  /// When the next one is due; nil if none runs.
  var next: ContinuousClock.Instant? { deadlines.values.min() }

  /// Starts `timer`, or starts it anew.
  mutating func start(_ timer: SchedulerTimer, after delay: Duration) {
    deadlines[timer] = .now + delay
  }

  /// Stops `timer` if it runs.
  mutating func cancel(_ timer: SchedulerTimer) { deadlines[timer] = nil }

  /// Takes out the timers that are due, the earliest first.
  mutating func takeDue(_ now: ContinuousClock.Instant) -> [SchedulerTimer] {
    let due = deadlines.filter { $0.value <= now }.sorted { $0.value < $1.value }.map(\.key)
    for timer in due { deadlines[timer] = nil }
    return due
  }
}
