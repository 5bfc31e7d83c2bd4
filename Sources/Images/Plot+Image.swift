/// A plot as a picture.

extension Plot {
  /// Draws the plot, in RGB.
  public var image: Image {
    let frame = Frame(left: 92, top: 64, width: max(width - 124, 64), height: max(height - 140, 64))
    var canvas = Canvas(width: frame.width + 124, height: frame.height + 140)
    let fits = frame.left + Canvas.textWidth(title, scale: 3) < canvas.width
    canvas.drawText(title, x: frame.left, y: 14, scale: fits ? 3 : 2, Colors.text)
    canvas.drawText(yLabel, x: frame.left, y: 44, Colors.label)
    canvas.drawText(
      xLabel, x: frame.left + frame.width, y: frame.bottom + 38, anchor: .right, Colors.label)

    let layout = layout(columns: frame.width)
    if layout.isEmpty {
      canvas.drawText(
        "no values yet", x: frame.left + frame.width / 2, y: frame.top + frame.height / 2,
        anchor: .centre, Colors.label)
      return canvas.image
    }
    drawGrid(layout, on: &canvas, frame)
    for line in layout.lines {
      let points = line.points.map { p in
        (
          x: Float(Double(frame.left) + p.x * Double(frame.width)),
          y: Float(Double(frame.bottom) - p.y * Double(frame.height))
        )
      }
      canvas.strokeLine(through: points, thickness: line.thickness, line.ink)
    }
    drawKey(layout.lines, on: &canvas, frame)
    return canvas.image
  }

  private struct Frame {
    let left: Int
    let top: Int
    let width: Int
    let height: Int
    var bottom: Int { top + height }
  }

  fileprivate enum Colors {
    static let text = Ink(0x1F2937)
    static let label = Ink(0x4B5563)
    static let grid = Ink(0xE5E7EB)
    static let axis = Ink(0x9CA3AF)
  }

  private func drawGrid(_ layout: PlotLayout, on canvas: inout Canvas, _ frame: Frame) {
    for tick in layout.yTicks {
      let y = frame.bottom - Int((tick.position * Double(frame.height)).rounded())
      canvas.fillRectangle(left: frame.left, top: y, width: frame.width, height: 1, Colors.grid)
      canvas.drawText(tick.label, x: frame.left - 10, y: y - 7, anchor: .right, Colors.label)
    }
    for tick in layout.xTicks {
      let x = frame.left + Int((tick.position * Double(frame.width)).rounded())
      canvas.fillRectangle(left: x, top: frame.top, width: 1, height: frame.height, Colors.grid)
      canvas.drawText(tick.label, x: x, y: frame.bottom + 12, anchor: .centre, Colors.label)
    }
    canvas.fillRectangle(
      left: frame.left, top: frame.bottom, width: frame.width + 1, height: 1, Colors.axis)
    canvas.fillRectangle(
      left: frame.left, top: frame.top, width: 1, height: frame.height, Colors.axis)
  }

  /// Beside the vertical axis' label, or below one another in the frame where that is too little room.
  private func drawKey(_ lines: [PlotLayout.Line], on canvas: inout Canvas, _ frame: Frame) {
    let width = lines.map { Canvas.textWidth($0.name) + 8 + 24 + 20 }.reduce(0, +)
    let isRow = width + Canvas.textWidth(yLabel) <= frame.width
    var (right, top) = (frame.left + frame.width - (isRow ? 0 : 12), isRow ? 44 : frame.top + 12)
    for line in isRow ? lines.reversed() : lines {
      let thickness = Int(line.thickness.rounded())
      canvas.drawText(line.name, x: right, y: top, anchor: .right, Colors.label)
      let end = right - Canvas.textWidth(line.name) - 8
      canvas.fillRectangle(
        left: end - 24, top: top + 7 - thickness / 2, width: 24, height: thickness, line.ink)
      if isRow { right = end - 24 - 20 } else { top += 24 }
    }
  }
}

extension PlotLayout.Line {
  fileprivate var thickness: Float { isFaint ? 1 : 2.5 }

  fileprivate var ink: Ink {
    // The faint line of the first curve, most often the only one, is of a lighter blue.
    let color = isFaint && curve == 0 ? 0x2563EB : PlotColors.onLight[curve % PlotColors.count]
    return Ink(color, opacity: isFaint ? 0.35 : 1)
  }
}

/// The curves' colours, 0xRRGGBB, in turn.
enum PlotColors {
  static let onLight = [
    0x1D4ED8, 0xEA580C, 0x059669, 0x9333EA, 0xDB2777, 0x0891B2, 0xA16207, 0x4B5563,
  ]
  static let onDark = [
    0x60A5FA, 0xFB923C, 0x34D399, 0xC084FC, 0xF472B6, 0x22D3EE, 0xFACC15, 0x9CA3AF,
  ]
  static var count: Int { onLight.count }
}
