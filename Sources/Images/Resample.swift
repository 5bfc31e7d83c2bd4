/// Brings an image to a wanted size: the largest centred part of the wanted shape is cut out, then
/// each axis is averaged over areas where it shrinks and interpolated linearly where it grows.
///
/// Averages are of the stored bytes, in float32, rounded once at the end.

extension Image {
  /// The centre of the image at `height`×`width`; the image itself if it has that size.
  public func resampled(toHeight height: Int, width: Int) -> Image {
    precondition(height > 0 && width > 0, "an image has pixels")
    if height == self.height && width == self.width { return self }
    let crop = centredCrop(aspect: (height, width))
    let columns = AxisWeights(from: crop.width, start: crop.left, to: width)
    let rows = AxisWeights(from: crop.height, start: crop.top, to: height)

    // First along the rows that are needed, crop.height×width×channels, then along the columns.
    let line = width * channels
    var narrow = [Float](repeating: 0, count: crop.height * line)
    for y in 0..<crop.height {
      let source = (crop.top + y) * self.width
      for x in 0..<width {
        for (offset, weight) in columns.weights[x].enumerated() {
          let pixel = (source + columns.starts[x] + offset) * channels
          let target = y * line + x * channels
          for c in 0..<channels { narrow[target + c] += weight * Float(pixels[pixel + c]) }
        }
      }
    }
    var result = [UInt8](repeating: 0, count: height * line)
    var sums = [Float](repeating: 0, count: line)
    for y in 0..<height {
      for i in 0..<line { sums[i] = 0 }
      for (offset, weight) in rows.weights[y].enumerated() {
        let source = (rows.starts[y] - crop.top + offset) * line
        for i in 0..<line { sums[i] += weight * narrow[source + i] }
      }
      for i in 0..<line { result[y * line + i] = UInt8(min(max(sums[i] + 0.5, 0), 255)) }
    }
    return Image(height: height, width: width, channels: channels, pixels: result)
  }

  /// The largest centred rectangle of the aspect height:width.
  func centredCrop(
    aspect: (height: Int, width: Int)
  ) -> (top: Int, left: Int, height: Int, width: Int) {
    var (h, w) = (height, width)
    if width * aspect.height > height * aspect.width {
      w = max(1, (height * aspect.width + aspect.height / 2) / aspect.height)
    } else {
      h = max(1, (width * aspect.height + aspect.width / 2) / aspect.width)
    }
    return ((height - h) / 2, (width - w) / 2, h, w)
  }
}

/// For each of `to` output samples: the first input sample it takes from, and the weights, sum 1.
private struct AxisWeights {
  var starts: [Int] = []
  var weights: [[Float]] = []

  /// The inputs are the `from` samples beginning with `start`.
  init(from: Int, start: Int, to: Int) {
    let scale = Double(from) / Double(to)
    for i in 0..<to {
      if scale > 1 {
        // The area [low, high) of the output sample, measured in input samples.
        let (low, high) = (Double(i) * scale, min(Double(i + 1) * scale, Double(from)))
        let first = Int(low)
        let last = min(Int(high.rounded(.up)), from)
        starts.append(start + first)
        weights.append(
          (first..<last).map { j in
            Float((min(Double(j + 1), high) - max(Double(j), low)) / (high - low))
          })
      } else {
        // Between the two nearest centres, of which the edge has one.
        let centre = min(max((Double(i) + 0.5) * scale - 0.5, 0), Double(from - 1))
        let first = min(Int(centre), max(from - 2, 0))
        let t = Float(centre - Double(first))
        starts.append(start + first)
        weights.append(from == 1 ? [1] : [1 - t, t])
      }
    }
  }
}
