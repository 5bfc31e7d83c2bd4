/// Many images of one size on one sheet, in reading order.

extension Image {
  /// Lays `images` out in rows of `columns` (nil: as square as possible) on white, `gap` pixels
  /// apart and around, each pixel drawn as `magnification`×`magnification`.
  ///
  /// Images other than grey or RGB are shown channel by channel, see `viewable`.
  public static func grid(
    of images: [Image], columns: Int? = nil, gap: Int = 2, magnification: Int = 1
  ) -> Image {
    guard let first = images.first?.viewable else {
      preconditionFailure("a grid needs an image")
    }
    let columns = max(1, columns ?? Int(Double(images.count).squareRoot().rounded(.up)))
    let rows = (images.count + columns - 1) / columns
    let cell = (height: first.height * magnification, width: first.width * magnification)
    let width = columns * (cell.width + gap) + gap
    let height = rows * (cell.height + gap) + gap
    let channels = first.channels
    var sheet = Image(
      height: height, width: width, color: [UInt8](repeating: 255, count: channels))
    for (index, image) in images.enumerated() {
      let tile = image.viewable
      precondition(
        tile.height == first.height && tile.width == first.width && tile.channels == channels,
        "the images of a grid have one size")
      let top = gap + index / columns * (cell.height + gap)
      let left = gap + index % columns * (cell.width + gap)
      for y in 0..<cell.height {
        for x in 0..<cell.width {
          let source = (y / magnification * tile.width + x / magnification) * channels
          let target = ((top + y) * width + left + x) * channels
          for c in 0..<channels { sheet.pixels[target + c] = tile.pixels[source + c] }
        }
      }
    }
    return sheet
  }
}
