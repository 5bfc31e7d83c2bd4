/// A plot in characters: curves of braille dots, or of letters where neither colours tell curves
/// apart nor the terminal shows more than ASCII.
///
/// A function from data to lines; no line is longer than `width`.

import Images

struct TextPlot {
  let plot: Plot
  /// Characters in a line, from 20 on.
  let width: Int
  /// Lines, from 8 on.
  let height: Int
  let isUnicode: Bool
  let isColored: Bool

  init(_ plot: Plot, width: Int, height: Int, isUnicode: Bool, isColored: Bool) {
    self.plot = plot
    self.width = max(width, 20)
    self.height = max(height, 8)
    self.isUnicode = isUnicode
    self.isColored = isColored
  }

  /// Title, vertical label, frame, ticks, horizontal label.
  var lines: [String] {
    // What the average is of would bury it in characters this coarse.
    let layout = plot.layout(columns: width * 2)
    let curves = layout.lines.filter { !$0.isFaint && !$0.points.isEmpty }
    let head = [String(plot.title.prefix(width)), String(plot.yLabel.prefix(width))]
    if curves.isEmpty { return head + ["", "  no values yet"] }
    // Curves are told apart by a key, if there are several of them.
    let key = curves.count > 1 ? self.key(curves) : []
    let rows = max(height - head.count - key.count - 3, 3)
    let labels = yLabels(layout.yTicks, rows: rows)
    let margin = labels.compactMap { $0?.count }.max() ?? 0
    let columns = max(width - margin - 2, 1)
    var sheet = Sheet(columns: columns, rows: rows, isBraille: isBraille(curves))
    for line in curves { sheet.draw(line) }
    let body = (0..<rows).map { row in
      let label = labels[row] ?? ""
      let edge = isUnicode ? (labels[row] == nil ? "│" : "┤") : "|"
      return String(repeating: " ", count: margin - label.count) + label + " " + edge
        + sheet.text(row: row) { paint($1, curve: $0) }
    }
    let ticks = xTickLine(layout.xTicks, columns: columns)
    let indent = String(repeating: " ", count: margin + 1)
    let axis =
      indent
      + (isUnicode
        ? "└" + ticks.marks.map { $0 ? "┬" : "─" }.joined()
        : "+" + ticks.marks.map { $0 ? "+" : "-" }.joined())
    let xLabel = String(plot.xLabel.prefix(columns))
    let end = String(repeating: " ", count: columns - xLabel.count) + xLabel
    return head + key + body + [axis, indent + " " + ticks.text, indent + " " + end].map(trimmed)
  }

  private func isBraille(_ curves: [PlotLayout.Line]) -> Bool {
    isUnicode && (isColored || Set(curves.map(\.curve)).count == 1)
  }

  /// One curve a line, or all on one if they fit.
  private func key(_ curves: [PlotLayout.Line]) -> [String] {
    let isBraille = isBraille(curves)
    let entries = curves.map { line in
      let mark = isBraille ? "━━" : Sheet.letter(line.curve)
      return (
        length: mark.count + 1 + line.name.count,
        text: paint(mark, curve: line.curve) + " " + line.name
      )
    }
    let isRow = entries.map { $0.length + 3 }.reduce(0, +) <= width
    if isRow { return [entries.map(\.text).joined(separator: "   ")] }
    return entries.map { entry in
      entry.length <= width ? entry.text : String(entry.text.dropLast(entry.length - width))
    }
  }

  /// The label of each row, if it has one.
  private func yLabels(_ ticks: [PlotLayout.Tick], rows: Int) -> [String?] {
    var labels = [String?](repeating: nil, count: rows)
    for tick in ticks {
      let row = Int(((1 - tick.position) * Double(rows - 1)).rounded())
      if labels.indices.contains(row), labels[row] == nil { labels[row] = tick.label }
    }
    return labels
  }

  /// The labels below the axis, as many as do not touch, and which columns they mark.
  private func xTickLine(
    _ ticks: [PlotLayout.Tick], columns: Int
  ) -> (text: String, marks: [Bool]) {
    var text = ""
    var marks = [Bool](repeating: false, count: columns)
    for tick in ticks {
      let column = Int((tick.position * Double(columns - 1)).rounded())
      let start = min(max(column - tick.label.count / 2, 0), columns - tick.label.count)
      guard start >= (text.isEmpty ? 0 : text.count + 2), marks.indices.contains(column) else {
        continue
      }
      text += String(repeating: " ", count: start - text.count) + tick.label
      marks[column] = true
    }
    return (text, marks)
  }

  private func paint(_ text: String, curve: Int) -> String {
    // Blue, yellow, green, magenta, red, cyan: the order of the pictures' colours.
    let colors = [94, 33, 32, 35, 31, 36]
    return isColored ? "\u{1B}[\(colors[curve % colors.count])m\(text)\u{1B}[0m" : text
  }

  private func trimmed(_ line: String) -> String {
    String(line.reversed().drop { $0 == " " }.reversed())
  }
}

/// The inside of a frame: cells of 2×4 dots, or of one letter.
private struct Sheet {
  private let columns: Int
  private let rows: Int
  /// Dots in a cell.
  private let cell: (width: Int, height: Int)
  /// Of each cell the curve that was drawn last, and its dots as braille numbers them.
  private var cells: [(curve: Int, dots: UInt8)?]

  init(columns: Int, rows: Int, isBraille: Bool) {
    self.columns = columns
    self.rows = rows
    cell = isBraille ? (2, 4) : (1, 1)
    cells = Array(repeating: nil, count: columns * rows)
  }

  static func letter(_ curve: Int) -> String {
    String(UnicodeScalar(UInt8(ascii: "a") + UInt8(curve % 26)))
  }

  mutating func draw(_ line: PlotLayout.Line) {
    let places = line.points.map { p in
      (
        x: p.x * Double(columns * cell.width - 1),
        y: (1 - p.y) * Double(rows * cell.height - 1)
      )
    }
    for (a, b) in zip(places, places.dropFirst() + places.suffix(1)) {
      let steps = max(Int(max(abs(b.x - a.x), abs(b.y - a.y)).rounded(.up)), 1)
      for i in 0...steps {
        let t = Double(i) / Double(steps)
        dot(
          x: Int((a.x + t * (b.x - a.x)).rounded()), y: Int((a.y + t * (b.y - a.y)).rounded()),
          curve: line.curve)
      }
    }
  }

  private mutating func dot(x: Int, y: Int, curve: Int) {
    let index = y / cell.height * columns + x / cell.width
    // Unicode's braille patterns: three rows of two, column by column, then the fourth row.
    let bits: [[UInt8]] = [[0, 1, 2, 6], [3, 4, 5, 7]]
    let bit: UInt8 = 1 << bits[x % cell.width][y % cell.height]
    let dots = cells[index].map { $0.curve == curve ? $0.dots : 0 } ?? 0
    cells[index] = (curve, dots | bit)
  }

  /// A row without its trailing blanks; cells of one curve in a row are painted together.
  func text(row: Int, paint: (Int, String) -> String) -> String {
    let cells = self.cells[row * columns..<(row + 1) * columns]
    var text = ""
    var run: (curve: Int?, text: String) = (nil, "")
    for cell in cells.reversed().drop(while: { $0 == nil }).reversed() {
      if cell?.curve != run.curve {
        text += run.curve.map { paint($0, run.text) } ?? run.text
        run = (cell?.curve, "")
      }
      run.text += cell.map(mark) ?? " "
    }
    return text + (run.curve.map { paint($0, run.text) } ?? run.text)
  }

  private func mark(_ content: (curve: Int, dots: UInt8)) -> String {
    cell.width == 1
      ? Self.letter(content.curve)
      : String(UnicodeScalar(UInt16(0x2800) + UInt16(content.dots)) ?? "?")
  }
}
