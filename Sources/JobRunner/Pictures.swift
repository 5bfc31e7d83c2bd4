import DurableIO
import Images
import TensorCore

/// Tensors as pictures.
enum Pictures {
  /// A grid of more pixels shows the first images only.
  private static let gridLimit = 1 << 25
  /// More classes than this do not decide the number of columns.
  private static let mostColumns = 16

  /// How many images of this size a grid shows at most.
  static func gridCapacity(_ shape: Shape) -> Int {
    let side = max(shape.h, shape.w) * magnification(shape)
    return max(1, gridLimit / (side * side * (shape.c == 1 || shape.c == 3 ? 1 : shape.c)))
  }

  /// Small images are shown larger.
  private static func magnification(_ shape: Shape) -> Int {
    max(1, 84 / max(shape.h, shape.w))
  }

  /// The images of `x` (N×H×W×C, in [−1, 1]) as bytes.
  static func images(_ x: Tensor) -> [Image] {
    let shape = x.shape
    return (0..<shape.n).map { index in
      var pixels = [UInt8](repeating: 0, count: x.count / shape.n)
      unsafe pixels.withUnsafeMutableBufferPointer {
        unsafe bytes(from: x.images(index..<index + 1), into: $0)
      }
      return Image(height: shape.h, width: shape.w, channels: shape.c, pixels: pixels)
    }
  }

  /// A sheet with as many whole rows as there is room for, at least one, and words for each image.
  static func writeTable(
    _ images: [Image], captions: [String], columns: Int? = nil, to path: String
  ) throws(SystemError) {
    let shape = Shape(1, images[0].height, images[0].width, images[0].channels)
    let columns = columns ?? Int(Double(images.count).squareRoot().rounded(.up))
    let shown = max(1, gridCapacity(shape) / columns) * columns
    let sheet = Image.grid(
      of: Array(images.prefix(shown)), captions: Array(captions.prefix(shown)), columns: columns,
      magnification: magnification(shape))
    try AtomicFile.write(encodePNG(sheet), to: path, synced: false)
  }

  /// A sheet with the images, at least one and at most `gridCapacity` of them, the classes that they
  /// show written above them.
  ///
  /// Few classes in turn are columns, as they would be in a table.
  static func writeGrid(
    of images: [Image], classes: SampledClasses? = nil, to path: String
  ) throws(SystemError) {
    let shape = Shape(1, images[0].height, images[0].width, images[0].channels)
    let columns = classes.map(\.cycle.count).flatMap {
      (2...mostColumns).contains($0) && $0 < images.count ? $0 : nil
    }
    let grid = Image.grid(
      of: images, captions: classes?.names(images.indices), columns: columns,
      magnification: magnification(shape))
    try AtomicFile.write(encodePNG(grid), to: path, synced: false)
  }
}
