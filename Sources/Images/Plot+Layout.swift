/// Where everything of a plot lies, whatever draws it: positions are fractions of the frame, x from
/// its left and y from its bottom edge.

/// A plot laid out.
public struct PlotLayout: Sendable {
  /// A labelled place on an axis.
  public struct Tick: Sendable {
    /// From 0 to 1.
    public let position: Double
    /// What is written there.
    public let label: String
  }

  /// What is drawn, one over the other.
  public struct Line: Sendable {
    /// What the key calls it.
    public let name: String
    /// From 0 to 1; what lies beyond the vertical axis runs along the frame's edge.
    public let points: [(x: Double, y: Double)]
    /// Which of the plot's curves it belongs to, from 0; decides the colour.
    public let curve: Int
    /// Whether it only shows what another line of the curve is the average of.
    public let isFaint: Bool
  }

  /// In ascending order; none if there are no values.
  public let xTicks: [Tick]
  /// In ascending order; none if there are no values.
  public let yTicks: [Tick]
  /// From the lowest to the uppermost.
  public let lines: [Line]

  /// Whether there is nothing to draw.
  public var isEmpty: Bool { lines.allSatisfy { $0.points.isEmpty } }
}

extension Plot {
  /// The plot laid out for a frame of `columns` places side by side, each of which takes at most four
  /// points of a line.
  public func layout(columns: Int) -> PlotLayout {
    let lines = dataLines
    let all = lines.flatMap(\.points)
    guard let first = all.map(\.x).min(), let last = all.map(\.x).max() else {
      return PlotLayout(xTicks: [], yTicks: [], lines: [])
    }
    let xAxis = AxisScale(linear: first, last, count: 8)
    let yAxis = verticalAxis(lines)
    func ticks(_ axis: AxisScale) -> [PlotLayout.Tick] {
      axis.ticks.map { .init(position: axis.position($0), label: AxisScale.label($0)) }
    }
    return PlotLayout(
      xTicks: ticks(xAxis), yTicks: ticks(yAxis),
      lines: lines.map { line in
        PlotLayout.Line(
          name: line.name,
          points: extremes(line.points, columns: columns).map { p in
            (xAxis.position(p.x), min(max(yAxis.position(max(p.y, yAxis.low)), 0), 1))
          }, curve: line.curve, isFaint: line.isFaint)
      })
  }

  /// A line in the units of the data. A faint one may have a few values beyond the axis.
  private struct DataLine {
    let name: String
    let points: [(x: Double, y: Double)]
    let curve: Int
    var isFaint = false
  }

  private var dataLines: [DataLine] {
    curves.enumerated().flatMap { index, curve in
      let points = isLogarithmic ? curve.points.filter { $0.y > 1e-100 } : curve.points
      guard let average = curve.average else {
        return [DataLine(name: curve.name, points: points, curve: index)]
      }
      let each = average.eachName.map {
        DataLine(name: $0, points: points, curve: index, isFaint: true)
      }
      let smooth = movingAverage(points, window: average.window)
      return [each, DataLine(name: curve.name, points: smooth, curve: index)].compactMap { $0 }
    }
  }

  /// From the smallest value to the largest, but of values that scatter to their 99.5th
  /// percentile, so that a single spike does not flatten the rest.
  private func verticalAxis(_ lines: [DataLine]) -> AxisScale {
    let lines = lines.filter { !$0.points.isEmpty }
    let low = lines.flatMap { $0.points.map(\.y) }.min() ?? 0
    let high =
      lines.map { line in
        let sorted = line.points.map(\.y).sorted()
        let last = sorted.count - 1
        return sorted[line.isFaint ? min(sorted.count * 199 / 200, last) : last]
      }.max() ?? 1
    if isLogarithmic { return AxisScale(logarithmic: low / 1.1, high * 1.1) }
    let margin = high > low ? (high - low) * 0.05 : max(abs(high) * 0.05, 1e-12)
    return AxisScale(linear: low - margin, high + margin, count: 6)
  }
}

/// The mean over a window centred on each point: `window` points or a fiftieth of all, but narrower
/// where the curve begins, which is where it is steep.
private func movingAverage(
  _ points: [(x: Double, y: Double)], window: Int?
) -> [(x: Double, y: Double)] {
  let widest = window.map { $0 / 2 } ?? max(points.count / 100, 2)
  var sums = [0.0]
  for point in points { sums.append(sums[sums.count - 1] + point.y) }
  return points.indices.map { i in
    let reach = min(i / 5, widest)
    let window = i - reach..<min(i + reach + 1, points.count)
    return (points[i].x, (sums[window.upperBound] - sums[window.lowerBound]) / Double(window.count))
  }
}

/// The same curve with at most four points for each of `columns`: first, lowest, highest and last.
private func extremes(
  _ points: [(x: Double, y: Double)], columns: Int
) -> [(x: Double, y: Double)] {
  let group = max(1, points.count / columns)
  if group <= 4 { return points }
  return stride(from: 0, to: points.count, by: group).flatMap { start in
    let part = points[start..<min(start + group, points.count)]
    let low = part.indices.min { part[$0].y < part[$1].y } ?? start
    let high = part.indices.max { part[$0].y < part[$1].y } ?? start
    return Set([part.startIndex, low, high, part.endIndex - 1]).sorted().map { points[$0] }
  }
}
