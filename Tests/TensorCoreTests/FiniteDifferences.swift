import TestSupport

/// The slopes of a function at a point along random normal directions of one argument, by central
/// differences.
struct Slopes {
  private var samples: [(direction: [Double], slope: Double)] = []

  /// Of `function` with respect to its argument `which` at `point`.
  init(at point: [[Double]], varying which: Int, of function: ([[Double]]) -> Double) {
    var generator = SplitMix(seed: 99)
    let step = 1e-5
    for _ in 0..<4 {
      let direction = point[which].map { _ in generator.normal() }
      func value(_ step: Double) -> Double {
        var moved = point
        for (i, d) in direction.enumerated() { moved[which][i] += step * d }
        return function(moved)
      }
      samples.append((direction, (value(step) - value(-step)) / (2 * step)))
    }
  }

  /// ‖gradient − true gradient‖ / ‖gradient‖, estimated without bias: the mean square of a vector's
  /// product with normal directions is its square.
  func error(of gradient: [Double]) -> Double {
    let squares = samples.map { sample in
      let claimed = zip(gradient, sample.direction).reduce(0) { $0 + $1.0 * $1.1 }
      return (sample.slope - claimed) * (sample.slope - claimed)
    }
    let error = squares.reduce(0, +) / Double(squares.count)
    return error == 0 ? 0 : (error / gradient.reduce(0) { $0 + $1 * $1 }).squareRoot()
  }
}
