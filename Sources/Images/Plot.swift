/// A curve over training steps as a picture: the values as a thin pale line, their moving average
/// as a strong one, labelled axes and a light grid.

/// What to plot; `image` draws it.
public struct Plot: Sendable {
  /// Above the curve.
  public var title: String
  /// Below the horizontal axis.
  public var xLabel: String
  /// Above the vertical axis.
  public var yLabel: String
  /// Whether the vertical axis is logarithmic; values that are not above 10⁻¹⁰⁰ are then left out.
  public var isLogarithmic: Bool
  /// Pixels.
  public var width = 960
  /// Pixels.
  public var height = 540
  private let points: [(x: Double, y: Double)]

  /// A plot of `points`, in ascending order of x; numbers beyond 10¹⁰⁰, which no axis arithmetic
  /// survives, and those that are none are left out.
  public init(
    title: String, xLabel: String, yLabel: String, points: [(x: Double, y: Double)],
    isLogarithmic: Bool = true
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.points = points.filter { abs($0.x) < 1e100 && abs($0.y) < 1e100 }
    self.isLogarithmic = isLogarithmic
  }

  /// Draws the plot, in RGB.
  public var image: Image {
    let frame = Frame(left: 92, top: 64, width: max(width - 124, 64), height: max(height - 140, 64))
    var canvas = Canvas(width: frame.width + 124, height: frame.height + 140)
    let fits = frame.left + Canvas.textWidth(title, scale: 3) < canvas.width
    canvas.drawText(title, x: frame.left, y: 14, scale: fits ? 3 : 2, Colors.text)
    canvas.drawText(yLabel, x: frame.left, y: 44, Colors.label)
    canvas.drawText(
      xLabel, x: frame.left + frame.width, y: frame.bottom + 38, anchor: .right, Colors.label)

    let raw = isLogarithmic ? points.filter { $0.y > 1e-100 } : points
    let smooth = movingAverage(raw)
    guard let first = raw.first, let last = raw.last else {
      canvas.drawText(
        "no values yet", x: frame.left + frame.width / 2, y: frame.top + frame.height / 2,
        anchor: .centre, Colors.label)
      return canvas.image
    }
    let xAxis = AxisScale(linear: first.x, last.x, count: 8)
    let yAxis = verticalAxis(raw, smooth)
    drawGrid(on: &canvas, frame, xAxis, yAxis)
    func place(_ p: (x: Double, y: Double)) -> (x: Float, y: Float) {
      // Values beyond the axis run along the frame's edge.
      let y = min(max(yAxis.position(max(p.y, yAxis.low)), 0), 1)
      return (
        Float(Double(frame.left) + xAxis.position(p.x) * Double(frame.width)),
        Float(Double(frame.bottom) - y * Double(frame.height))
      )
    }
    canvas.strokeLine(
      through: extremes(raw, columns: frame.width).map(place), thickness: 1, Colors.raw)
    canvas.strokeLine(
      through: extremes(smooth, columns: frame.width).map(place), thickness: 2.5, Colors.smooth)
    drawKey(on: &canvas, frame)
    return canvas.image
  }

  private struct Frame {
    let left: Int
    let top: Int
    let width: Int
    let height: Int
    var bottom: Int { top + height }
  }

  private enum Colors {
    static let text = Ink(0x1F2937)
    static let label = Ink(0x4B5563)
    static let grid = Ink(0xE5E7EB)
    static let axis = Ink(0x9CA3AF)
    static let raw = Ink(0x2563EB, opacity: 0.35)
    static let smooth = Ink(0x1D4ED8)
  }

  /// From the smallest value to the largest of the average or the 99.5th percentile of the
  /// values, so that a single spike does not flatten the rest.
  private func verticalAxis(_ raw: [(x: Double, y: Double)], _ smooth: [(x: Double, y: Double)])
    -> AxisScale
  {
    let sorted = raw.map(\.y).sorted()
    let percentile = sorted[min(sorted.count * 199 / 200, sorted.count - 1)]
    let low = sorted[0]
    let high = max(percentile, smooth.map(\.y).max() ?? percentile)
    if isLogarithmic { return AxisScale(logarithmic: low / 1.1, high * 1.1) }
    let margin = high > low ? (high - low) * 0.05 : max(abs(high) * 0.05, 1e-12)
    return AxisScale(linear: low - margin, high + margin, count: 6)
  }

  private func drawGrid(
    on canvas: inout Canvas, _ frame: Frame, _ xAxis: AxisScale, _ yAxis: AxisScale
  ) {
    for tick in yAxis.ticks {
      let y = frame.bottom - Int((yAxis.position(tick) * Double(frame.height)).rounded())
      canvas.fillRectangle(left: frame.left, top: y, width: frame.width, height: 1, Colors.grid)
      canvas.drawText(
        AxisScale.label(tick), x: frame.left - 10, y: y - 7, anchor: .right, Colors.label)
    }
    for tick in xAxis.ticks {
      let x = frame.left + Int((xAxis.position(tick) * Double(frame.width)).rounded())
      canvas.fillRectangle(left: x, top: frame.top, width: 1, height: frame.height, Colors.grid)
      canvas.drawText(
        AxisScale.label(tick), x: x, y: frame.bottom + 12, anchor: .centre, Colors.label)
    }
    canvas.fillRectangle(
      left: frame.left, top: frame.bottom, width: frame.width + 1, height: 1, Colors.axis)
    canvas.fillRectangle(
      left: frame.left, top: frame.top, width: 1, height: frame.height, Colors.axis)
  }

  private func drawKey(on canvas: inout Canvas, _ frame: Frame) {
    var right = frame.left + frame.width
    for (name, ink, thickness) in [
      ("average", Colors.smooth, 3), ("each step", Colors.raw, 1),
    ] {
      canvas.drawText(name, x: right, y: 44, anchor: .right, Colors.label)
      right -= Canvas.textWidth(name) + 8
      canvas.fillRectangle(
        left: right - 24, top: 51 - thickness / 2, width: 24, height: thickness, ink)
      right -= 24 + 20
    }
  }
}

/// The mean over a window centred on each point: a fiftieth of the points, but narrower where the
/// curve begins, which is where it is steep.
private func movingAverage(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
  var sums = [0.0]
  for point in points { sums.append(sums[sums.count - 1] + point.y) }
  return points.indices.map { i in
    let reach = min(i / 5, max(points.count / 100, 2))
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
