/// A sheet to draw on: filled rectangles, straight lines of any thickness with smooth edges, text.

/// A colour, mixed over what is there by its opacity.
struct Ink {
  let red: Float
  let green: Float
  let blue: Float
  var opacity: Float = 1

  /// 0xRRGGBB.
  init(_ hex: Int, opacity: Float = 1) {
    red = Float(hex >> 16 & 255)
    green = Float(hex >> 8 & 255)
    blue = Float(hex & 255)
    self.opacity = opacity
  }
}

/// Where a text stands relative to its point.
enum TextAnchor {
  case left
  case centre
  case right
}

struct Canvas {
  let width: Int
  let height: Int
  private var samples: [Float]

  /// A white sheet.
  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    samples = [Float](repeating: 255, count: width * height * 3)
  }

  /// A sheet with a grey or RGB image on it.
  init(showing image: Image) {
    width = image.width
    height = image.height
    let copies = 3 / image.channels
    samples = image.pixels.flatMap { repeatElement(Float($0), count: copies) }
  }

  var image: Image {
    Image(height: height, width: width, channels: 3, pixels: samples.map { UInt8($0 + 0.5) })
  }

  mutating func fillRectangle(left: Int, top: Int, width: Int, height: Int, _ ink: Ink) {
    for y in (top..<top + height).clamped(to: 0..<self.height) {
      for x in (left..<left + width).clamped(to: 0..<self.width) { mix(ink, x, y, coverage: 1) }
    }
  }

  /// Lines through `points`, pixels' centres being at ½. Every pixel takes the ink once, in
  /// proportion to how much of it the nearest part of the line covers, so that lines which cross
  /// themselves do not darken.
  mutating func strokeLine(through points: [(x: Float, y: Float)], thickness: Float, _ ink: Ink) {
    let reach = thickness / 2 + 0.5
    var coverage = [Float](repeating: 0, count: width * height)
    for (a, b) in zip(points, points.dropFirst()) {
      let (dx, dy) = (b.x - a.x, b.y - a.y)
      let squaredLength = max(dx * dx + dy * dy, .leastNormalMagnitude)
      let rows = pixels(min(a.y, b.y) - reach, max(a.y, b.y) + reach, limit: height)
      for y in rows {
        let py = Float(y) + 0.5
        // A steep line crosses a row in few pixels: only those near the crossing are visited.
        var (low, high) = (min(a.x, b.x), max(a.x, b.x))
        if abs(dy) > abs(dx) {
          let crossing = a.x + dx * (py - a.y) / dy
          let margin = reach * 2
          (low, high) = (max(low, crossing - margin), min(high, crossing + margin))
        }
        for x in pixels(low - reach, high + reach, limit: width) {
          let px = Float(x) + 0.5
          let t = min(max(((px - a.x) * dx + (py - a.y) * dy) / squaredLength, 0), 1)
          let (ex, ey) = (px - a.x - t * dx, py - a.y - t * dy)
          let distance = (ex * ex + ey * ey).squareRoot()
          let covered = min(max(reach - distance, 0), 1)
          coverage[y * width + x] = max(coverage[y * width + x], covered)
        }
      }
    }
    for i in coverage.indices where coverage[i] > 0 {
      mix(ink, i % width, i / width, coverage: coverage[i])
    }
  }

  /// One line of text with its top at `y`, each pixel of the font drawn `scale`×`scale`.
  mutating func drawText(
    _ text: String, x: Int, y: Int, anchor: TextAnchor = .left, scale: Int = 2, _ ink: Ink
  ) {
    // One mark a character, whatever its length in bytes.
    let characters = text.map { $0.asciiValue ?? UInt8(ascii: "?") }
    var left = x
    switch anchor {
    case .left: break
    case .centre: left -= Self.textWidth(text, scale: scale) / 2
    case .right: left -= Self.textWidth(text, scale: scale)
    }
    for character in characters {
      for row in 0..<BitmapFont.glyphHeight {
        for column in 0..<BitmapFont.glyphWidth
        where BitmapFont.hasInk(character, x: column, y: row) {
          fillRectangle(
            left: left + column * scale, top: y + row * scale, width: scale, height: scale, ink)
        }
      }
      left += BitmapFont.advance * scale
    }
  }

  static func textWidth(_ text: String, scale: Int = 2) -> Int {
    max(0, (text.count * BitmapFont.advance - 1) * scale)
  }

  /// The pixels whose centres can lie between two coordinates.
  private func pixels(_ low: Float, _ high: Float, limit: Int) -> Range<Int> {
    let first = min(max(Int(low.rounded(.down)), 0), limit)
    return first..<max(first, min(Int(high.rounded(.up)), limit))
  }

  private mutating func mix(_ ink: Ink, _ x: Int, _ y: Int, coverage: Float) {
    let share = ink.opacity * coverage
    let i = (y * width + x) * 3
    samples[i] += (ink.red - samples[i]) * share
    samples[i + 1] += (ink.green - samples[i + 1]) * share
    samples[i + 2] += (ink.blue - samples[i + 2]) * share
  }
}
