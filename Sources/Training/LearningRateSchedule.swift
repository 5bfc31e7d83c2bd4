/// A learning rate that rises linearly over `warmupSteps` steps and then stays.
public struct LearningRateSchedule: Equatable, Sendable {
  /// The rate after warm-up.
  public var peak: Double
  /// The step at which `peak` is reached; 0 and 1 start with it.
  public var warmupSteps: Int

  /// A schedule that reaches `peak` at step `warmupSteps`.
  public init(peak: Double, warmupSteps: Int = 0) {
    self.peak = peak
    self.warmupSteps = warmupSteps
  }

  /// The rate of step number `step`, counted from 1: no step is wasted on a rate of zero.
  public func rate(step: Int) -> Double {
    step >= warmupSteps ? peak : peak * Double(step) / Double(warmupSteps)
  }
}
