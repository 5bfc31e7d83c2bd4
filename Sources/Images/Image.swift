/// Pictures in memory, the way the rest of the program sees them.
///
/// Samples are bytes in the file's own (nearly always sRGB) encoding: no gamma is ever applied, in
/// decoding, resampling or conversion, which is how training sets are prepared with PIL.

/// `height`×`width`×`channels` bytes, row by row, channels together.
public struct Image: Equatable, Sendable {
  /// Rows.
  public let height: Int
  /// Pixels in a row.
  public let width: Int
  /// Bytes of a pixel.
  public let channels: Int
  /// All bytes: row by row, the channels of a pixel together.
  public var pixels: [UInt8]

  /// An image of `pixels`, which are exactly as many as the size needs.
  public init(height: Int, width: Int, channels: Int, pixels: [UInt8]) {
    precondition(height > 0 && width > 0 && channels > 0, "an image has pixels")
    precondition(pixels.count == height * width * channels, "pixels do not fill the image")
    self.height = height
    self.width = width
    self.channels = channels
    self.pixels = pixels
  }

  /// An image of one colour; `color` has one byte a channel.
  public init(height: Int, width: Int, color: [UInt8]) {
    var pixels: [UInt8] = []
    pixels.reserveCapacity(height * width * color.count)
    for _ in 0..<height * width { pixels += color }
    self.init(height: height, width: width, channels: color.count, pixels: pixels)
  }

  /// The same picture with `channels` channels: grey is repeated, RGB becomes BT.601 luma as PIL's
  /// `convert("L")` computes it.
  ///
  /// Throws: `ImageError.channels` for any other change.
  public func converted(toChannels wanted: Int) throws(ImageError) -> Image {
    switch (channels, wanted) {
    case (wanted, _):
      return self
    case (1, 3):
      var rgb = [UInt8](repeating: 0, count: height * width * 3)
      for (i, grey) in pixels.enumerated() {
        for channel in 0..<3 { rgb[3 * i + channel] = grey }
      }
      return Image(height: height, width: width, channels: 3, pixels: rgb)
    case (3, 1):
      let luma = unsafe [UInt8](unsafeUninitializedCapacity: height * width) { grey, count in
        for i in 0..<height * width {
          let (r, g, b) = (Int(pixels[3 * i]), Int(pixels[3 * i + 1]), Int(pixels[3 * i + 2]))
          unsafe grey[i] = UInt8((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16)
        }
        count = height * width
      }
      return Image(height: height, width: width, channels: 1, pixels: luma)
    default:
      throw .channels(found: channels, wanted: wanted)
    }
  }

  /// The picture seen in a mirror: left and right change places.
  public var mirrored: Image {
    var mirrored = self
    for pixel in 0..<height * width {
      let (y, x) = pixel.quotientAndRemainder(dividingBy: width)
      for c in 0..<channels {
        mirrored.pixels[pixel * channels + c] = pixels[(y * width + width - 1 - x) * channels + c]
      }
    }
    return mirrored
  }

  /// The picture as a PNG can hold it: itself if grey or RGB, otherwise its channels side by side
  /// in grey.
  public var viewable: Image {
    if channels == 1 || channels == 3 { return self }
    var grey = [UInt8](repeating: 0, count: pixels.count)
    for y in 0..<height {
      for x in 0..<width {
        for c in 0..<channels {
          grey[(y * channels + c) * width + x] = pixels[(y * width + x) * channels + c]
        }
      }
    }
    return Image(height: height, width: width * channels, channels: 1, pixels: grey)
  }
}
