import Images
import Testing

@Suite struct ResampleTests {
  /// Exact area averages: repeat every pixel target times, then take the mean of source×source
  /// blocks.
  private func areaAverage(_ image: Image, toHeight: Int, width: Int) -> [Double] {
    var means: [Double] = []
    for y in 0..<toHeight {
      for x in 0..<width {
        for c in 0..<image.channels {
          var sum = 0
          for v in y * image.height..<(y + 1) * image.height {
            for u in x * image.width..<(x + 1) * image.width {
              let source = v / toHeight * image.width + u / width
              sum += Int(image.pixels[source * image.channels + c])
            }
          }
          means.append(Double(sum) / Double(image.height * image.width))
        }
      }
    }
    return means
  }

  @Test(arguments: [
    (20, 20, 7, 1), (28, 28, 14, 1), (33, 33, 32, 3), (9, 9, 1, 3), (50, 50, 49, 2),
  ])
  func shrinkingAveragesAreas(height: Int, width: Int, side: Int, channels: Int) {
    let image = noise(height: height, width: width, channels: channels)
    let result = image.resampled(toHeight: side, width: side)
    let expected = areaAverage(image, toHeight: side, width: side)
    for (got, want) in zip(result.pixels, expected) {
      #expect(abs(Double(got) - want) <= 0.501)
    }
  }

  @Test func growingInterpolatesAsPillow() throws {
    let image = try expectedImage("enlarge-from.npy")
    let result = image.resampled(toHeight: 35, width: 25)
    #expect(try #require(largestDifference(result, expectedImage("enlarge-to.npy"))) <= 1)
  }

  /// A bright square in the middle of dark borders is all that is left.
  @Test(arguments: [(10, 16), (16, 10), (10, 11), (31, 7)])
  func cutsOutTheCentre(height: Int, width: Int) {
    let side = min(height, width)
    var image = Image(height: height, width: width, color: [0])
    let (top, left) = ((height - side) / 2, (width - side) / 2)
    for y in top..<top + side {
      for x in left..<left + side { image.pixels[y * width + x] = 200 }
    }
    for target in [side, 4, 40] {
      let result = image.resampled(toHeight: target, width: target)
      #expect(result == Image(height: target, width: target, color: [200]))
    }
  }

  @Test func theRightSizeIsLeftAlone() {
    let image = noise(height: 6, width: 9, channels: 3)
    #expect(image.resampled(toHeight: 6, width: 9) == image)
  }

  @Test func extremeShapesKeepAPixel() {
    let line = noise(height: 1, width: 1000, channels: 1)
    #expect(line.resampled(toHeight: 3, width: 3).pixels.count == 9)
    #expect(line.resampled(toHeight: 1000, width: 1).pixels.count == 1000)
  }
}
