import DurableIO
import Images
import TensorFiles

/// The path of a file made by Fixtures/make.py.
func fixture(_ name: String) -> String {
  #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    .joined(separator: "/") + "/Fixtures/" + name
}

func loadImage(path: String, channels: Int? = nil) throws -> Image {
  try loadImage(OpenFile(reading: path), channels: channels)
}

func inspectImage(path: String) throws -> ImageInfo { try inspectImage(OpenFile(reading: path)) }

/// The pixels in a .npy file, H×W×C.
func expectedImage(_ name: String) throws -> Image {
  let file = try NpyFile(path: fixture(name))
  var pixels = [UInt8](repeating: 0, count: file.count)
  try unsafe pixels.withUnsafeMutableBufferPointer { try unsafe file.read(from: 0, into: $0) }
  return Image(
    height: file.shape[0], width: file.shape[1], channels: file.shape[2], pixels: pixels)
}

/// The largest difference of two images' bytes; nil if their sizes differ.
func largestDifference(_ a: Image, _ b: Image) -> Int? {
  guard (a.height, a.width, a.channels) == (b.height, b.width, b.channels) else { return nil }
  return zip(a.pixels, b.pixels).map { abs(Int($0) - Int($1)) }.max()
}

/// Pixels without a pattern.
func noise(height: Int, width: Int, channels: Int, seed: UInt64 = 1) -> Image {
  var state = seed
  let pixels = (0..<height * width * channels).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return UInt8(state >> 56)
  }
  return Image(height: height, width: width, channels: channels, pixels: pixels)
}
