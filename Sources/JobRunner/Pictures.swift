import DurableIO
import Images
import TensorCore

/// Tensors as pictures.
enum Pictures {
  /// A grid of more pixels shows the first images only.
  private static let gridLimit = 1 << 26

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

  /// A sheet with as many of the images as fit, small ones magnified.
  static func writeGrid(of images: [Image], to path: String) throws(SystemError) {
    let side = max(images[0].height, images[0].width * (images[0].viewable.width / images[0].width))
    let magnification = max(1, 84 / side)
    let cell = (side * magnification) * (side * magnification)
    let shown = Array(images.prefix(max(1, gridLimit / cell)))
    try AtomicFile.write(
      encodePNG(Image.grid(of: shown, magnification: magnification)), to: path)
  }
}
