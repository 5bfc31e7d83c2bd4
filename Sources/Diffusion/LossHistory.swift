public import TensorCore

/// Importance sampling of t: Nichol & Dhariwal (2021), "Improved Denoising Diffusion Probabilistic
/// Models", section 3.3.
///
/// t is drawn with probability pₜ ∝ √E[Lₜ²], and its loss divided by T pₜ, so that the expectation
/// is that of uniform draws with less variance. E[Lₜ²] is the mean over the ten latest losses at t;
/// until every t has ten, draws are uniform.
///
/// The history is a part of a run's state: what it says of t depends on the steps done.
public struct LossHistory: Sendable {
  /// Losses that are remembered for each t.
  public static let depth = 10

  /// T×10: row t − 1 has the losses at t, the oldest first; NaN where there is none yet.
  public let losses: FloatBuffer

  /// No losses yet, for a chain of `steps` steps.
  public init(steps: Int) {
    losses = FloatBuffer(count: steps * Self.depth)
    fill(losses.all, with: .nan)
  }

  /// T.
  public var steps: Int { losses.count / Self.depth }

  private func row(_ t: Int) -> Tensor {
    losses.tensor(at: (t - 1) * Self.depth, Shape(rows: 1, columns: Self.depth))
  }

  /// Remembers a loss at t = 1…T, and forgets the oldest.
  public func record(_ loss: Double, t: Int) {
    let row = unsafe row(t).elements
    for i in 1..<Self.depth { unsafe row[i - 1] = row[i] }
    unsafe row[Self.depth - 1] = Float(loss)
  }

  /// What t is drawn from; nil, for the uniform distribution, until every t has ten losses.
  public var distribution: TimestepDistribution? {
    let roots = (1...steps).map { (sumOfSquares(row($0)) / Double(Self.depth)).squareRoot() }
    let total = roots.reduce(0, +)
    guard total.isFinite, total > 0 else { return nil }
    return TimestepDistribution(roots)
  }
}

/// Probabilities of t = 1…T.
public struct TimestepDistribution: Sendable {
  /// pₜ at index t − 1.
  public let probabilities: [Double]
  private let cumulative: [Double]

  /// A thousandth of the draws is uniform, so that no loss is weighted with more than 1000.
  private static let uniformShare = 0.001

  /// Probabilities in proportion to `weights`, which are not negative and not all 0.
  init(_ weights: [Double]) {
    let total = weights.reduce(0, +)
    let floor = Self.uniformShare / Double(weights.count)
    probabilities = weights.map { (1 - Self.uniformShare) * $0 / total + floor }
    var sum = 0.0
    cumulative = probabilities.map { p in
      sum += p
      return sum
    }
  }

  /// The t that a uniform random number of [0, 1) stands for, and 1/(T pₜ).
  public func draw(_ uniform: Double) -> (t: Int, weight: Double) {
    // The first index whose sum is above the number.
    var (low, high) = (0, cumulative.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if cumulative[middle] > uniform { high = middle } else { low = middle + 1 }
    }
    return (low + 1, 1 / (Double(cumulative.count) * probabilities[low]))
  }
}
