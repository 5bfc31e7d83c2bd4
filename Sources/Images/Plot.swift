/// Curves as a picture, with labelled axes, a light grid and a key: the losses of training steps as
/// a thin pale line under their moving average, anything else as one line.

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
  private let curves: [Curve]

  /// One line of a plot.
  public struct Curve: Sendable {
    let name: String
    let points: [(x: Double, y: Double)]
    /// Whether the values scatter and their moving average is what matters.
    let isNoisy: Bool

    /// A line through `points`, in ascending order of x; numbers beyond 10¹⁰⁰, which no axis
    /// arithmetic survives, and those that are none are left out.
    public init(_ name: String, _ points: [(x: Double, y: Double)]) {
      self.init(name, points, isNoisy: false)
    }

    /// A value for every training step; `points` as above.
    public static func steps(_ points: [(x: Double, y: Double)]) -> Curve {
      Curve("each step", points, isNoisy: true)
    }

    private init(_ name: String, _ points: [(x: Double, y: Double)], isNoisy: Bool) {
      self.name = name
      self.points = points.filter { abs($0.x) < 1e100 && abs($0.y) < 1e100 }
      self.isNoisy = isNoisy
    }
  }

  /// A plot of some curves.
  public init(
    title: String, xLabel: String, yLabel: String, curves: [Curve], isLogarithmic: Bool = true
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.curves = curves
    self.isLogarithmic = isLogarithmic
  }

  /// A plot of a value for every training step; `points` as for a curve.
  public init(
    title: String, xLabel: String, yLabel: String, points: [(x: Double, y: Double)],
    isLogarithmic: Bool = true
  ) {
    self.init(
      title: title, xLabel: xLabel, yLabel: yLabel, curves: [.steps(points)],
      isLogarithmic: isLogarithmic)
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

    let lines = lines
    let all = lines.flatMap(\.points)
    guard let first = all.map(\.x).min(), let last = all.map(\.x).max() else {
      canvas.drawText(
        "no values yet", x: frame.left + frame.width / 2, y: frame.top + frame.height / 2,
        anchor: .centre, Colors.label)
      return canvas.image
    }
    let xAxis = AxisScale(linear: first, last, count: 8)
    let yAxis = verticalAxis(lines)
    drawGrid(on: &canvas, frame, xAxis, yAxis)
    func place(_ p: (x: Double, y: Double)) -> (x: Float, y: Float) {
      // Values beyond the axis run along the frame's edge.
      let y = min(max(yAxis.position(max(p.y, yAxis.low)), 0), 1)
      return (
        Float(Double(frame.left) + xAxis.position(p.x) * Double(frame.width)),
        Float(Double(frame.bottom) - y * Double(frame.height))
      )
    }
    for line in lines {
      canvas.strokeLine(
        through: extremes(line.points, columns: frame.width).map(place),
        thickness: line.thickness, line.ink)
    }
    drawKey(lines, on: &canvas, frame)
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
    static let curves = [smooth, Ink(0xEA580C), Ink(0x059669), Ink(0x9333EA)]
  }

  /// What is drawn, one over the other.
  private struct Line {
    let name: String
    let points: [(x: Double, y: Double)]
    let ink: Ink
    let thickness: Float
    /// Whether a few values may lie beyond the axis.
    var mayBeCut = false
  }

  private var lines: [Line] {
    curves.enumerated().flatMap { index, curve in
      let points = isLogarithmic ? curve.points.filter { $0.y > 1e-100 } : curve.points
      let ink = Colors.curves[index % Colors.curves.count]
      guard curve.isNoisy else {
        return [Line(name: curve.name, points: points, ink: ink, thickness: 2.5)]
      }
      return [
        Line(name: curve.name, points: points, ink: Colors.raw, thickness: 1, mayBeCut: true),
        Line(name: "average", points: movingAverage(points), ink: Colors.smooth, thickness: 2.5),
      ]
    }
  }

  /// From the smallest value to the largest, but of values that scatter to their 99.5th
  /// percentile, so that a single spike does not flatten the rest.
  private func verticalAxis(_ lines: [Line]) -> AxisScale {
    let lines = lines.filter { !$0.points.isEmpty }
    let low = lines.flatMap { $0.points.map(\.y) }.min() ?? 0
    let high =
      lines.map { line in
        let sorted = line.points.map(\.y).sorted()
        let last = sorted.count - 1
        return sorted[line.mayBeCut ? min(sorted.count * 199 / 200, last) : last]
      }.max() ?? 1
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

  private func drawKey(_ lines: [Line], on canvas: inout Canvas, _ frame: Frame) {
    var right = frame.left + frame.width
    for line in lines.reversed() {
      let thickness = Int(line.thickness.rounded())
      canvas.drawText(line.name, x: right, y: 44, anchor: .right, Colors.label)
      right -= Canvas.textWidth(line.name) + 8
      canvas.fillRectangle(
        left: right - 24, top: 51 - thickness / 2, width: 24, height: thickness, line.ink)
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
