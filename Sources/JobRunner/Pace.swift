import Jobs

/// How fast a run goes, for people who watch it. Measured over about the last fifty steps.
struct Pace {
  /// Steps done and to be done.
  private(set) var done: Int
  private let total: Int
  private var averageSeconds: Double?
  private var averageLoss: Double?
  private var last = ContinuousClock.now
  /// What the last step took.
  private(set) var lastSeconds = 1.0

  /// A run that begins now, with `done` of `total` steps behind it.
  init(total: Int, done: Int) {
    self.total = total
    self.done = done
  }

  /// A step has been done.
  mutating func advance(loss: Double? = nil) {
    let now = ContinuousClock.now
    let (seconds, attoseconds) = (now - last).components
    last = now
    lastSeconds = max(Double(seconds) + Double(attoseconds) * 1e-18, 1e-9)
    done += 1
    averageSeconds = Self.moved(averageSeconds, toward: lastSeconds)
    averageLoss = loss.map { Self.moved(averageLoss, toward: $0) } ?? averageLoss
  }

  /// Steps that were done before have been taken over.
  mutating func skip(_ steps: Int) { done += steps }

  /// What has passed since the last step was not part of one.
  mutating func rest() { last = ContinuousClock.now }

  /// The progress to report of a run whose steps are steps.
  func progress(imagesPerStep: Int) -> Progress {
    Progress(
      step: done, steps: total, loss: averageLoss.map { Self.rounded($0, to: 1e-6) },
      imagesPerSecond: averageSeconds.map { Self.rounded(Double(imagesPerStep) / $0, to: 0.01) },
      secondsLeft: secondsLeft)
  }

  /// The progress to report of a run that draws `images` images in all its steps.
  func progress(images: Int) -> Progress {
    Progress(
      step: Int(Double(images) * Double(done) / Double(total)), steps: images,
      imagesPerSecond: averageSeconds.map {
        Self.rounded(Double(images) / Double(total) / $0, to: 0.01)
      },
      secondsLeft: secondsLeft)
  }

  private var secondsLeft: Double? {
    averageSeconds.map { Self.rounded($0 * Double(total - done), to: 0.1) }
  }

  private static func rounded(_ value: Double, to unit: Double) -> Double {
    let scale = (1 / unit).rounded()
    return (value * scale).rounded() / scale
  }

  private static func moved(_ average: Double?, toward value: Double) -> Double {
    average.map { 0.96 * $0 + 0.04 * value } ?? value
  }
}
