/// An exponential moving average of the weights whose decay warms up with the run, as in
/// TensorFlow and diffusers' `EMAModel`: early averages forget the initial weights quickly.
public struct ExponentialMovingAverage: Equatable, Sendable {
  /// The decay that is approached.
  public var decay: Double

  /// An average with the given final decay.
  public init(decay: Double) { self.decay = decay }

  /// min(decay, (1 + n)/(10 + n)) for the average after step number n + 1.
  public func decay(step: Int) -> Double {
    let n = Double(step - 1)
    return min(decay, (1 + n) / (10 + n))
  }
}
