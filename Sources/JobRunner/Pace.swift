import Jobs

/// How fast a run goes, for people who watch it. Measured over about the last fifty steps.
struct Pace {
  /// Steps done and to be done.
  private(set) var done: Int
  private let total: Int
  private var seconds = MovingAverage()
  private var loss = MovingAverage()
  private var last = ContinuousClock.now
  private var lastLine: ContinuousClock.Instant?
  /// What the last step took.
  private(set) var lastSeconds = 1.0

  /// A run that begins now, with `done` of `total` steps behind it.
  init(total: Int, done: Int) {
    self.total = total
    self.done = done
  }

  /// A step, or `steps` of them, have been done.
  mutating func advance(by steps: Int = 1, loss: Double? = nil) {
    let now = ContinuousClock.now
    lastSeconds = max((now - last) / .seconds(1) / Double(steps), 1e-9)
    last = now
    done += steps
    self.seconds.add(lastSeconds)
    if let loss { self.loss.add(loss) }
  }

  /// Steps that were done before have been taken over.
  mutating func skip(_ steps: Int) { done += steps }

  /// What has passed since the last step was not part of one.
  mutating func rest() { last = ContinuousClock.now }

  /// Whether a line in the log is due: after the run's first step, then five minutes after the last
  /// line at the latest, so that it does not look dead.
  ///
  /// - isWanted: if the step deserves a line anyway.
  mutating func isLineDue(isWanted: Bool = false) -> Bool {
    if let lastLine, last - lastLine < .seconds(300), !isWanted { return false }
    lastLine = last
    return true
  }

  /// The progress to report of a run whose steps are steps.
  func progress(imagesPerStep: Int) -> Progress {
    Progress(
      step: done, steps: total, loss: loss.value.map { Self.rounded($0, to: 1e-6) },
      imagesPerSecond: seconds.value.map { Self.rounded(Double(imagesPerStep) / $0, to: 0.01) },
      secondsLeft: secondsLeft)
  }

  /// The progress to report of a run that draws `images` images in all its steps.
  func progress(images: Int) -> Progress {
    Progress(
      step: Int(Double(images) * Double(done) / Double(total)), steps: images,
      imagesPerSecond: seconds.value.map {
        Self.rounded(Double(images) / Double(total) / $0, to: 0.01)
      },
      secondsLeft: secondsLeft)
  }

  private var secondsLeft: Double? {
    seconds.value.map { Self.rounded($0 * Double(total - done), to: 0.1) }
  }

  private static func rounded(_ value: Double, to unit: Double) -> Double {
    let scale = (1 / unit).rounded()
    return (value * scale).rounded() / scale
  }
}

/// The mean of about the last fifty numbers, older ones weighing less. Divided by the sum of the
/// weights, so that the first number does not linger.
private struct MovingAverage {
  private var sum = 0.0
  private var weights = 0.0

  var value: Double? { weights > 0 ? sum / weights : nil }

  mutating func add(_ number: Double) {
    sum = 0.96 * sum + number
    weights = 0.96 * weights + 1
  }
}
