#if canImport(Glibc)
  import Glibc
#endif

/// p_θ(x₀ | x₁), the decoder of the chain's last step: equations (19)–(21).
///
/// Pixels take 256 values, −1 to 1 in steps of 2/255. The probability of one is the mass that
/// N(μ, σ²) has within half a step, 1/255, around it; the bins of −1 and of 1 reach to infinity, so
/// that the probabilities of all values sum to one.
public enum DiscretizedDecoder {
  private static let halfBin = 1 / 255.0

  /// The bin [δ₋(x), δ₊(x)] of a value (20), (21). What lies within a thousandth of ±1 counts as
  /// ±1: values come from Float.
  public static func bin(_ x: Double) -> (lower: Double, upper: Double) {
    (x < -0.999 ? -.infinity : x - halfBin, x > 0.999 ? .infinity : x + halfBin)
  }

  /// ln p(x) (19) for a pixel x in [−1, 1] under N(mean, variance).
  public static func logLikelihood(_ x: Double, under normal: Normal) -> Double {
    let (lower, upper) = standardized(x, normal)
    return Normal.logMass(from: lower, to: upper)
  }

  /// ln p(x), and its derivatives by the mean and by ln σ².
  static func logLikelihoodAndSlopes(
    _ x: Double, under normal: Normal
  ) -> (value: Double, byMean: Double, byLogVariance: Double) {
    let (lower, upper) = standardized(x, normal)
    let mass = Normal.logMass(from: lower, to: upper)
    // Each end z of the interval moves by −1/σ with the mean and by −z/2 with ln σ².
    var byMean = 0.0
    var byLogVariance = 0.0
    for (z, sign) in [(upper, -1.0), (lower, 1.0)] where z.isFinite {
      let density = sign * exp(Normal.logDensity(z) - mass)
      byMean += density / normal.variance.squareRoot()
      byLogVariance += density * z / 2
    }
    return (mass, byMean, byLogVariance)
  }

  /// The value's bin in standard deviations from the mean.
  private static func standardized(
    _ x: Double, _ normal: Normal
  ) -> (lower: Double, upper: Double) {
    let (lower, upper) = bin(x)
    let deviation = normal.variance.squareRoot()
    return ((lower - normal.mean) / deviation, (upper - normal.mean) / deviation)
  }
}
