#if canImport(Glibc)
  import Glibc
#endif

/// The normal distribution N(mean, variance) on a line, in Double.
///
/// Every density of the model is a product of such normals, one for each element of an image.
public struct Normal: Equatable, Sendable {
  /// μ.
  public var mean: Double
  /// σ², above 0.
  public var variance: Double

  /// N(mean, variance).
  public init(mean: Double, variance: Double) {
    self.mean = mean
    self.variance = variance
  }

  /// KL(self ‖ other) in nats (theorem I.3): with variances v₁ of self and v₂ of the other,
  /// ½ [ln(v₂/v₁) + (v₁ + (μ₁−μ₂)²)/v₂ − 1].
  ///
  /// Two nearly equal variances cost no digits.
  public func divergence(from other: Normal) -> Double {
    let excess = (variance - other.variance) / other.variance
    let difference = mean - other.mean
    return 0.5 * (excess - log1p(excess) + difference * difference / other.variance)
  }

  /// ln Φ(z) of the standard normal distribution, to full precision in both tails.
  public static func logCumulative(_ z: Double) -> Double {
    if z > -1 { return log1p(-0.5 * erfc(z / 2.squareRoot())) }
    if z > -30 { return log(0.5 * erfc(-z / 2.squareRoot())) }
    // erfc nears the smallest numbers: Mills' ratio as an asymptotic series in 1/z².
    let r = 1 / (z * z)
    return logDensity(z) - log(-z) + log1p(-r * (1 - r * (3 - r * (15 - 105 * r))))
  }

  /// ln φ(z) of the standard normal distribution.
  static func logDensity(_ z: Double) -> Double { -0.5 * (z * z + log(2 * .pi)) }

  /// ln(Φ(upper) − Φ(lower)) of the standard normal distribution, for lower < upper; either may be
  /// infinite.
  ///
  /// Accurate for narrow intervals and far out, where the difference of two Φ would be 0.
  public static func logMass(from lower: Double, to upper: Double) -> Double {
    if lower == -.infinity { return logCumulative(upper) }
    if upper == .infinity { return logCumulative(-lower) }
    if lower < 0 && upper > 0 {
      // Of opposite signs, so that nothing cancels.
      return log(0.5 * (erf(upper / 2.squareRoot()) - erf(lower / 2.squareRoot())))
    }
    // Of equal signs: on the left, where Φ itself is small.
    let (near, far) = lower >= 0 ? (-lower, -upper) : (upper, lower)
    let top = logCumulative(near)
    return top + log(-expm1(logCumulative(far) - top))
  }
}
