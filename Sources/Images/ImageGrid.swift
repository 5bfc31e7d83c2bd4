/// Many images of one size on one sheet, in reading order, with a caption above each if wanted.

extension Image {
  /// Lays `images` out in rows of `columns` (nil: as square as possible) on white, `gap` pixels
  /// apart and around, each pixel drawn as `magnification`×`magnification`.
  ///
  /// Images other than grey or RGB are shown channel by channel, see `viewable`.
  ///
  /// - captions: a line of text for each image, cut to its width; with captions the sheet is RGB.
  public static func grid(
    of images: [Image], captions: [String]? = nil, columns: Int? = nil, gap: Int = 2,
    magnification: Int = 1
  ) -> Image {
    guard let first = images.first?.viewable else {
      preconditionFailure("a grid needs an image")
    }
    let columns = max(1, columns ?? Int(Double(images.count).squareRoot().rounded(.up)))
    let rows = (images.count + columns - 1) / columns
    let cell = (height: first.height * magnification, width: first.width * magnification)
    let captionHeight = captions == nil ? 0 : BitmapFont.glyphHeight + gap
    let pitch = (height: cell.height + captionHeight + gap, width: cell.width + gap)
    let width = columns * pitch.width + gap
    let height = rows * pitch.height + gap
    let channels = first.channels
    var sheet = Image(
      height: height, width: width, color: [UInt8](repeating: 255, count: channels))
    for (index, image) in images.enumerated() {
      let tile = image.viewable
      precondition(
        tile.height == first.height && tile.width == first.width && tile.channels == channels,
        "the images of a grid have one size")
      let top = gap + captionHeight + index / columns * pitch.height
      let left = gap + index % columns * pitch.width
      for y in 0..<cell.height {
        for x in 0..<cell.width {
          let source = (y / magnification * tile.width + x / magnification) * channels
          let target = ((top + y) * width + left + x) * channels
          for c in 0..<channels { sheet.pixels[target + c] = tile.pixels[source + c] }
        }
      }
    }
    guard let captions else { return sheet }
    precondition(captions.count == images.count, "one caption an image")
    var canvas = Canvas(showing: sheet)
    for (index, caption) in captions.enumerated() {
      canvas.drawText(
        String(caption.prefix((cell.width + 1) / BitmapFont.advance)),
        x: gap + index % columns * pitch.width + cell.width / 2,
        y: gap + index / columns * pitch.height, anchor: .centre, scale: 1, Ink(0x00_0000))
    }
    return canvas.image
  }
}
