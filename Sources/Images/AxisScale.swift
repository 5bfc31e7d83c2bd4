/// An axis of a plot: where a value lies on it and where its ticks are.

internal import Glibc

/// A linear or logarithmic axis over a range of values.
struct AxisScale {
  let low: Double
  let high: Double
  let isLogarithmic: Bool
  /// Values worth a label, within the range.
  let ticks: [Double]

  /// A linear axis over `low ... high`, its ticks at 1, 2 or 5 times a power of ten, about `count`.
  init(linear low: Double, _ high: Double, count: Int) {
    let span = high > low ? high - low : max(abs(low), 1)
    self.low = low
    self.high = low + span
    isLogarithmic = false
    let rough = span / Double(count)
    let power = pow(10, log10(rough).rounded(.down))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? 10 * power
    let first = (low / step - 1e-9).rounded(.up)
    let last = (self.high / step + 1e-9).rounded(.down)
    // At most: a step below the values' resolution cannot count up to `last`.
    let ticks = stride(from: first, through: last, by: 1).prefix(4 * count)
    self.ticks = ticks.map { $0 * step }
  }

  /// A logarithmic axis over positive values, its ticks at 1, 2 and 5 times powers of ten, or at
  /// the powers alone where that gives enough.
  init(logarithmic low: Double, _ high: Double) {
    self.low = low
    self.high = high > low ? high : low * 10
    isLogarithmic = true
    let exponents = Int(log10(low).rounded(.down))...Int(log10(self.high).rounded(.up))
    let range = low * (1 - 1e-9)...self.high * (1 + 1e-9)
    func multiples(_ factors: [Double]) -> [Double] {
      exponents.flatMap { e in factors.map { $0 * pow(10, Double(e)) } }.filter(range.contains)
    }
    let candidates = [[1], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]].map(multiples)
    if let ticks = candidates.first(where: { $0.count >= 4 }) {
      self.ticks = ticks
    } else {
      // Less than half a decade: the ticks of a linear axis are as good.
      self.ticks = AxisScale(linear: low, self.high, count: 5).ticks
    }
  }

  /// 0 at the low end, 1 at the high end.
  func position(_ value: Double) -> Double {
    isLogarithmic ? log(value / low) / log(high / low) : (value - low) / (high - low)
  }

  /// The shortest usual form: `2000`, `0.05`, `1e-05`.
  static func label(_ value: Double) -> String {
    if value == 0 { return "0" }
    let exponent = Int(log10(abs(value)).rounded(.down))
    if (-4...5).contains(exponent) {
      // Three significant digits rid the sum of steps of its rounding errors.
      let unit = pow(10, Double(max(5 - exponent, 0)))
      let rounded = (value * unit).rounded() / unit
      return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }
    let mantissa = (value / pow(10, Double(exponent)) * 1000).rounded() / 1000
    let digits = mantissa == mantissa.rounded() ? "\(Int(mantissa))" : "\(mantissa)"
    return "\(digits)e\(exponent)"
  }
}
