import Glibc
import Images
import Testing

@Suite struct GridTests {
  /// Every tile is where its caption leaves it, and the ink of a caption is above its own tile.
  @Test func captionsStandAboveTheirImages() {
    let images = (0..<5).map { _ in noise(height: 6, width: 30, channels: 1, seed: 1) }
    let captions = ["a", "", "much too long", "b", "?"]
    let sheet = Image.grid(of: images, captions: captions, columns: 2, gap: 2)
    #expect((sheet.width, sheet.height, sheet.channels) == (66, 56, 3))
    for (i, image) in images.enumerated() {
      let (top, left) = (2 + i / 2 * 18, 2 + i % 2 * 32)
      for y in 0..<6 {
        for x in 0..<30 {
          #expect(
            pixel(sheet, top + 10 + y, left + x)
              == Array(repeating: image.pixels[y * 30 + x], count: 3))
        }
      }
      let ink = (0..<10).flatMap { y in (0..<30).map { pixel(sheet, top + y, left + $0)[0] } }
      #expect(ink.contains(0) == !captions[i].isEmpty)
    }
    let columnsBetween = (0..<56).map { pixel(sheet, $0, 32) + pixel(sheet, $0, 33) }
    #expect(columnsBetween.allSatisfy { $0.allSatisfy { $0 == 255 } })
  }

  private func pixel(_ image: Image, _ y: Int, _ x: Int) -> [UInt8] {
    let start = (y * image.width + x) * image.channels
    return Array(image.pixels[start..<start + image.channels])
  }

  @Test(arguments: [(1, nil, 1), (5, nil, 2), (7, 4, 3), (64, 8, 1)])
  func everyPixelIsInItsPlace(count: Int, columns: Int?, magnification: Int) {
    let images = (0..<count).map { noise(height: 3, width: 4, channels: 3, seed: UInt64($0)) }
    let gap = 2
    let sheet = Image.grid(
      of: images, columns: columns, gap: gap, magnification: magnification)
    let inRow = columns ?? Int(Double(count).squareRoot().rounded(.up))
    #expect(sheet.width == inRow * (4 * magnification + gap) + gap)
    var covered = 0
    for (i, image) in images.enumerated() {
      for y in 0..<3 * magnification {
        for x in 0..<4 * magnification {
          let top = gap + i / inRow * (3 * magnification + gap)
          let left = gap + i % inRow * (4 * magnification + gap)
          #expect(
            pixel(sheet, top + y, left + x) == pixel(image, y / magnification, x / magnification))
          covered += 1
        }
      }
    }
    // The rest is white.
    let total = sheet.pixels.reduce(0) { $0 + Int($1) }
    let ink = images.reduce(0) { $0 + $1.pixels.reduce(0) { $0 + Int($1) } }
    let white = (sheet.width * sheet.height - covered) * 3 * 255
    #expect(total == ink * magnification * magnification + white)
  }

  @Test func showsAnyNumberOfChannels() {
    let images = (0..<2).map { noise(height: 3, width: 4, channels: 5, seed: UInt64($0)) }
    let sheet = Image.grid(of: images, columns: 1, gap: 0)
    #expect((sheet.height, sheet.width, sheet.channels) == (6, 20, 1))
  }
}

@Test func aMirrorSwapsLeftAndRight() {
  let image = Image(height: 2, width: 3, channels: 3, pixels: (0..<18).map { UInt8($0) })
  #expect(
    image.mirrored.pixels == [6, 7, 8, 3, 4, 5, 0, 1, 2, 15, 16, 17, 12, 13, 14, 9, 10, 11])
  #expect(image.mirrored.mirrored == image)
}

@Suite struct PlotTests {
  /// Rows of the darkest blue, the averaged curve, in a column of pixels.
  private func curveRows(_ image: Image, column: Int) -> [Int] {
    (0..<image.height).filter { y in
      let i = (y * image.width + column) * 3
      return image.pixels[i] < 80 && image.pixels[i + 2] > 180
    }
  }

  /// On a logarithmic axis an exponential decay is a straight line, from top left to bottom right.
  @Test(arguments: [50, 5000]) func drawsAnExponentialAsALine(count: Int) throws {
    let points = (1...count).map { (x: Double($0), y: pow(0.01, Double($0) / Double(count))) }
    let image = Plot(title: "job", xLabel: "step", yLabel: "loss", points: points).image
    let columns = [200, 400, 600, 800]
    let rows = try columns.map { column in
      let rows = curveRows(image, column: column)
      return Double(try #require(rows.first) + rows[rows.count - 1]) / 2
    }
    let steps = zip(rows.dropFirst(), rows).map { $0 - $1 }
    for step in steps {
      #expect(step > 20)
      #expect(abs(step - steps[0]) <= 2)
    }
  }

  @Test func survivesEveryKindOfValue() {
    let points: [[(x: Double, y: Double)]] = [
      [], [(1, 1)], [(1, 0), (2, -1)], [(1, .nan), (2, .infinity), (3, 2)],
      [(1, 5), (2, 5), (3, 5)], [(1, 1e-300), (2, 1e300)], [(1, 1), (1, 2)],
      [(1, 0), (2, 0)], [(1, .leastNonzeroMagnitude), (2, .greatestFiniteMagnitude)],
      [(-1e300, 1), (1e300, 2)],
    ]
    for isLogarithmic in [true, false] {
      for points in points {
        var plot = Plot(
          title: "job", xLabel: "step", yLabel: "loss", points: points,
          isLogarithmic: isLogarithmic)
        (plot.width, plot.height) = (240, 240)
        let image = plot.image
        #expect((image.width, image.height, image.channels) == (240, 240, 3))
      }
    }
  }

  @Test func titlesMayBeLongOrForeign() {
    for title in ["", String(repeating: "name ", count: 60), "Größe 大きさ 🙂\n\0"] {
      let image = Plot(title: title, xLabel: title, yLabel: title, points: [(1, 1), (2, 2)]).image
      #expect(image.width == 960)
    }
  }
}
