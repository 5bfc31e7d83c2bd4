import DurableIO
import Jobs

/// The system's clock, beside one that nobody sets.
///
/// The system's clock is what files are stamped with and what people read, but it may be put back or
/// forward by any time at any moment. An age by it says nothing where it was set meanwhile.
struct SpoolClock: Sendable {
  let now: @Sendable () -> Timestamp
  let steady: @Sendable () -> ContinuousClock.Instant
  /// What the one was ahead of the other when it was looked at last.
  private var offset: Duration?
  private var zero: ContinuousClock.Instant
  private var setAt: ContinuousClock.Instant?

  init(
    now: @escaping @Sendable () -> Timestamp = { .now() },
    steady: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    self.now = now
    self.steady = steady
    zero = steady()
  }

  /// Looks whether the clock was set since the last look: whether it is off by more than what
  /// keeping it right moves it by in half a minute.
  mutating func look() {
    let instant = steady()
    let offset = .milliseconds(now().milliseconds) - zero.duration(to: instant)
    if let old = self.offset, abs((offset - old) / .seconds(1)) > 1 { setAt = instant }
    self.offset = offset
  }

  /// For how long, in milliseconds, a file has certainly not been touched that was last touched at
  /// `time`.
  ///
  /// A time in the future says that the clock was put back: since then, or where that was not seen,
  /// before the daemon was there.
  func age(of time: Timestamp) -> Int64 {
    let age = now().milliseconds - time.milliseconds
    let sinceSet = setAt.map { $0.duration(to: steady()).milliseconds } ?? .max
    // A stamp may be a little ahead, above all that of another machine's disk.
    return age < -10_000 ? sinceSet : min(max(age, 0), sinceSet)
  }
}

extension Timestamp {
  /// A time that a file is stamped with; its owner may have set it to any.
  init(_ time: FileStatus.Time) {
    let seconds = Int64(min(max(time.seconds, 0), 1 << 40))
    self.init(milliseconds: seconds * 1000 + Int64(time.nanoseconds / 1_000_000))
  }
}
