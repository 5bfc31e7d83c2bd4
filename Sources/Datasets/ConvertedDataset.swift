internal import Images

/// Another data set's images, resampled and with another number of channels.
struct ConvertedDataset: Dataset {
  let height: Int
  let width: Int
  let channels: Int
  private let stored: any Dataset

  var count: Int { stored.count }

  /// Throws if no conversion between the channel counts exists.
  init(_ stored: any Dataset, path: String, size: Int, channels: Int) throws(DatasetError) {
    guard
      stored.channels == channels || [1, 3].contains(stored.channels) && [1, 3].contains(channels)
    else {
      // As PyTorch has images.
      let isChannelsFirst = stored.height <= 4 && stored.channels > 4
      throw DatasetError(
        path: path,
        problem: isChannelsFirst
          ? "it looks like N×C×H×W: its images are \(stored.height)×\(stored.width) with"
            + " \(stored.channels) channels as N×H×W×C; save x.transpose(0, 2, 3, 1) instead"
          : "its images have \(stored.channels) channels and \(channels) are wanted; only 1 and 3"
            + " convert, so set the U-Net's in_channels to \(stored.channels)")
    }
    self.stored = stored
    (height, width, self.channels) = (size, size, channels)
  }

  func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError) {
    let image = try stored.image(index).resampled(toHeight: height, width: width)
    unsafe copy(convert(image), into: pixels)
  }

  private func convert(_ image: Image) -> Image {
    do {
      return try image.converted(toChannels: channels)
    } catch {
      preconditionFailure("checked when opened: \(error)")
    }
  }
}

/// Writes all of an image's pixels into a buffer of their number.
func copy(_ image: Image, into pixels: UnsafeMutableBufferPointer<UInt8>) {
  precondition(pixels.count == image.pixels.count, "the image does not fill the buffer")
  _ = unsafe pixels.update(from: image.pixels)
}
