import Diffusion
import Glibc
import Testing

/// Densities in closed form against sums over fine grids.
struct NormalTests {
  private static func logDensity(_ x: Double, _ normal: Normal) -> Double {
    let difference = x - normal.mean
    return -0.5 * (log(2 * .pi * normal.variance) + difference * difference / normal.variance)
  }

  /// Theorem I.3: ∫ p ln(p/q) by the trapezoidal rule.
  @Test(
    arguments: [
      (Normal(mean: 0.3, variance: 0.5), Normal(mean: -0.2, variance: 2)),
      (Normal(mean: 1, variance: 4), Normal(mean: 1, variance: 0.7)),
      (Normal(mean: 0, variance: 1), Normal(mean: 0.001, variance: 1.0001)),
    ])
  func divergence(p: Normal, q: Normal) {
    let step = p.variance.squareRoot() / 200
    var sum = 0.0
    for i in -4000...4000 {
      let x = p.mean + Double(i) * step
      sum += exp(Self.logDensity(x, p)) * (Self.logDensity(x, p) - Self.logDensity(x, q)) * step
    }
    #expect(abs(p.divergence(from: q) - sum) < 1e-12)
    #expect(p.divergence(from: p) == 0)
  }

  /// For variances 1 − δ and 1 the divergence is δ²/4 + δ³/6 + …: its digits survive a small δ.
  @Test(arguments: [1e-3, 1e-6, 1e-9])
  func nearlyEqualVariancesCostNoDigits(delta: Double) {
    let value = Normal(mean: 0, variance: 1 - delta).divergence(from: Normal(mean: 0, variance: 1))
    let series = delta * delta * (0.25 + delta / 6 + delta * delta / 8)
    #expect(abs(value / series - 1) < 1e-6)
  }

  /// Φ against Simpson's rule over t of φ(z) e^{zt − t²/2}, the density t below z: accurate
  /// however small Φ is.
  @Test(arguments: [-200.0, -40, -38, -30.001, -29.999, -12, -5, -1.001, -0.999, 0, 0.7, 3])
  func cumulative(z: Double) {
    let count = 200_000
    let width = 40 / max(1, -z) + max(0, z)
    let h = width / Double(count)
    var sum = 0.0
    for i in 0...count {
      let t = Double(i) * h
      let weight: Double = i == 0 || i == count ? 1 : i % 2 == 1 ? 4 : 2
      sum += weight * exp(z * t - t * t / 2)
    }
    let expected = -0.5 * (z * z + log(2 * .pi)) + log(sum * h / 3)
    #expect(abs(Normal.logCumulative(z) - expected) < 1e-12 * max(1, abs(expected)))
  }

  /// ln(Φ(b) − Φ(a)) against Simpson's rule on [a, b], relative to the density at the end nearest 0.
  @Test(
    arguments: [
      (-0.1, 0.2), (-3, 4), (1, 1.5), (-1.5, -1), (8, 8.001), (-0.001, 0.0005), (20, 60),
      (-90, -45),
      (0, 1), (-1, 0), (500, 500.5),
    ])
  func mass(lower: Double, upper: Double) {
    let near = lower > 0 ? lower : upper < 0 ? upper : 0
    let count = 100_000
    let (from, to) = (max(lower, near - 40 / max(1, abs(near))), min(upper, near + 40))
    let h = (to - from) / Double(count)
    var sum = 0.0
    for i in 0...count {
      let x = from + Double(i) * h
      let weight: Double = i == 0 || i == count ? 1 : i % 2 == 1 ? 4 : 2
      sum += weight * exp((near - x) * (near + x) / 2)
    }
    let expected = -0.5 * (near * near + log(2 * .pi)) + log(sum * h / 3)
    let value = Normal.logMass(from: lower, to: upper)
    #expect(abs(value - expected) < 1e-9 * max(1, abs(expected)))
  }
}

/// (19)–(21) against the integral of the density, and as a distribution.
struct DiscretizedDecoderTests {
  private static func pixel(_ byte: Int) -> Double { Double(byte) / 127.5 - 1 }

  /// Simpson's rule over the pixel's bin; the outermost bins go on for twenty deviations.
  @Test(arguments: [0, 1, 100, 127, 254, 255], [0.005, 0.02, 0.3])
  func likelihood(byte: Int, deviation: Double) {
    let x = Self.pixel(byte)
    let normal = Normal(mean: x + 0.6 * deviation, variance: deviation * deviation)
    let lower = byte == 0 ? normal.mean - 20 * deviation : x - 1 / 255.0
    let upper = byte == 255 ? normal.mean + 20 * deviation : x + 1 / 255.0
    let count = 20_000
    let h = (upper - lower) / Double(count)
    var sum = 0.0
    for i in 0...count {
      let z = (lower + Double(i) * h - normal.mean) / deviation
      let weight: Double = i == 0 || i == count ? 1 : i % 2 == 1 ? 4 : 2
      sum += weight * exp(-z * z / 2)
    }
    let expected = log(sum * h / 3 / (deviation * (2 * .pi).squareRoot()))
    #expect(abs(DiscretizedDecoder.logLikelihood(x, under: normal) - expected) < 1e-9)
    // Values come from Float.
    let rounded = DiscretizedDecoder.logLikelihood(Double(Float(x)), under: normal)
    #expect(abs(rounded - expected) < 1e-4)
  }

  @Test(arguments: [-1.2, -1, 0.013, 0.98], [0.001, 0.05, 2])
  func theProbabilitiesOfAllPixelsSumToOne(mean: Double, deviation: Double) {
    let normal = Normal(mean: mean, variance: deviation * deviation)
    let sum = (0...255).reduce(0.0) {
      $0 + exp(DiscretizedDecoder.logLikelihood(Self.pixel($1), under: normal))
    }
    #expect(abs(sum - 1) < 1e-12)
  }

  /// A prediction far off is very unlikely, not impossible: (10 − ½ bin)²/2 nats and more.
  @Test func farOffTheLogarithmIsFinite() {
    let normal = Normal(mean: -1, variance: 1e-4)
    let value = DiscretizedDecoder.logLikelihood(1, under: normal)
    let z = (2 - 1 / 255.0) / 0.01
    #expect(abs(value + z * z / 2 + log(z) + 0.5 * log(2 * .pi)) < 1e-4)
  }
}
