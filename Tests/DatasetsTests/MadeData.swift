import CZlib
import DurableIO
import Images
import TensorFiles
import Testing

@testable import Datasets

/// All images of a data set.
func images(_ dataset: any Dataset) throws(DatasetError) -> [Image] {
  var images: [Image] = []
  for index in 0..<dataset.count { images.append(try dataset.image(index)) }
  return images
}

/// Pixels without a pattern, another for each seed.
func noise(height: Int, width: Int, channels: Int, seed: Int) -> Image {
  var state = UInt64(seed + 1) &* 0x9E37_79B9_7F4A_7C15
  let pixels = (0..<height * width * channels).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return UInt8(state >> 56)
  }
  return Image(height: height, width: width, channels: channels, pixels: pixels)
}

/// An IDX file of grey images of one size.
func idx(_ images: [Image]) -> [UInt8] {
  [0, 0, 8, 3] + bigEndian(images.count) + bigEndian(images[0].height) + bigEndian(images[0].width)
    + images.flatMap(\.pixels)
}

func bigEndian(_ number: Int) -> [UInt8] {
  [24, 16, 8, 0].map { UInt8(number >> $0 & 255) }
}

func gzip(_ bytes: [UInt8], to path: String) {
  let stream = unsafe gzopen(path, "wb1")
  unsafe gzwrite(stream, bytes, UInt32(bytes.count))
  unsafe gzclose(stream)
}

/// A data set of images in memory, for tests of what stands above one.
struct MemoryDataset: Dataset {
  var images: [Image]
  /// Reading this one fails.
  var broken: Int?

  var count: Int { images.count }
  var height: Int { images[0].height }
  var width: Int { images[0].width }
  var channels: Int { images[0].channels }

  func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError) {
    if index == broken { throw DatasetError(path: "memory", problem: "image \(index) is broken") }
    _ = unsafe pixels.update(from: images[index].pixels)
  }
}
