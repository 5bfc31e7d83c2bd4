/// A plot as SVG, on its own or within HTML: colours follow the reader's light or dark scheme, nothing
/// is loaded from elsewhere, and no text can end its element.

extension Plot {
  /// The plot as one `<svg>` element, which is also a whole file.
  public var svg: String {
    let (left, top) = (88, 60)
    let frame = (width: max(width - left - 24, 64), height: max(height - top - 64, 64))
    let (right, bottom) = (left + frame.width, top + frame.height)
    var svg = """
      <svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 \(right + 24) \(bottom + 64)" \
      role="img" aria-label="\(xmlEscaped("\(title): \(yLabel)"))">
      <style>\(Self.style)</style>
      <rect class="sheet" width="100%" height="100%"/>
      \(text(title, left, 26, "title"))
      \(text(yLabel, left, 48))
      \(text(xLabel, right, bottom + 46, "end"))

      """
    let layout = layout(columns: frame.width)
    if layout.isEmpty {
      return svg + text("no values yet", left + frame.width / 2, top + frame.height / 2, "middle")
        + "\n</svg>\n"
    }
    for tick in layout.yTicks {
      let y = bottom - Int((tick.position * Double(frame.height)).rounded())
      svg += "<path class=\"grid\" d=\"M\(left) \(y)H\(right)\"/>"
      svg += text(tick.label, left - 8, y + 5, "end") + "\n"
    }
    for tick in layout.xTicks {
      let x = left + Int((tick.position * Double(frame.width)).rounded())
      svg += "<path class=\"grid\" d=\"M\(x) \(top)V\(bottom)\"/>"
      svg += text(tick.label, x, bottom + 22, "middle") + "\n"
    }
    svg += "<path class=\"axis\" d=\"M\(left) \(top)V\(bottom)H\(right)\"/>\n"
    for line in layout.lines {
      let points = line.points.map { p in
        "\(tenths(Double(left) + p.x * Double(frame.width)))"
          + ",\(tenths(Double(bottom) - p.y * Double(frame.height)))"
      }
      // A single point shows as a dot, for the ends are round.
      let drawn = points.count == 1 ? points + points : points
      svg +=
        "<polyline class=\"\(line.classes)\" points=\"\(drawn.joined(separator: " "))\"/>\n"
    }
    return svg + key(layout.lines, right: right, top: top) + "</svg>\n"
  }

  private func key(_ lines: [PlotLayout.Line], right: Int, top: Int) -> String {
    // Letters are at most about eight pixels wide; a key that is too wide goes into the frame, as a column.
    func length(_ text: String) -> Int { 8 * text.count }
    let isRow = lines.map { length($0.name) + 50 }.reduce(length(yLabel), +) <= right - 88
    var (end, y) = (right - (isRow ? 0 : 12), isRow ? 48 : top + 24)
    var svg = ""
    for line in isRow ? lines.reversed() : lines {
      let start = end - length(line.name) - 8
      svg += "<path class=\"\(line.classes)\" d=\"M\(start - 24) \(y - 5)H\(start)\"/>"
      svg += text(line.name, end, y, "end") + "\n"
      if isRow { end = start - 24 - 18 } else { y += 20 }
    }
    return svg
  }

  private func text(_ text: String, _ x: Int, _ y: Int, _ classes: String = "") -> String {
    "<text x=\"\(x)\" y=\"\(y)\" class=\"\(classes)\">\(xmlEscaped(text))</text>"
  }

  private func tenths(_ value: Double) -> Double { (value * 10).rounded() / 10 }

  private static let style: String = {
    func colors(_ values: [Int]) -> String {
      values.enumerated().map { index, color in
        ".plot .c\(index){stroke:#\(String(color + 1 << 24, radix: 16).suffix(6))}"
      }.joined()
    }
    return """
      .plot{font:14px system-ui,sans-serif}.plot .sheet{fill:#fff}.plot text{fill:#4b5563}\
      .plot .title{font-size:18px;fill:#1f2937}.plot .end{text-anchor:end}\
      .plot .middle{text-anchor:middle}.plot path,.plot polyline{fill:none}\
      .plot .grid{stroke:#e5e7eb}.plot .axis{stroke:#9ca3af}\
      .plot .line{stroke-width:2.5;stroke-linejoin:round;stroke-linecap:round}\
      .plot .faint{stroke-width:1;stroke-opacity:.35}\(colors(PlotColors.onLight))\
      @media(prefers-color-scheme:dark){.plot .sheet{fill:#111827}.plot text{fill:#9ca3af}\
      .plot .title{fill:#e5e7eb}.plot .grid{stroke:#293241}.plot .axis{stroke:#6b7280}\
      \(colors(PlotColors.onDark))}
      """
  }()
}

extension PlotLayout.Line {
  fileprivate var classes: String {
    "line c\(curve % PlotColors.count)\(isFaint ? " faint" : "")"
  }
}

/// `text` as the content of an element or of a quoted attribute, in XML and in HTML; characters that
/// XML does not allow become U+FFFD.
public func xmlEscaped(_ text: String) -> String {
  var escaped = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": escaped += "&amp;"
    case "<": escaped += "&lt;"
    case ">": escaped += "&gt;"
    case "\"": escaped += "&quot;"
    case "'": escaped += "&#39;"
    case "\t", "\n": escaped.unicodeScalars.append(scalar)
    case "\u{0}"..<" ", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": escaped += "\u{FFFD}"
    default: escaped.unicodeScalars.append(scalar)
    }
  }
  return escaped
}
