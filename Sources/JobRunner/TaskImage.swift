import GuardedFiles
import Images
import TensorCore

/// An image that the job's task names, brought to the network's size as the images of a folder are.
struct TaskImage {
  /// The job's key and the file, for errors.
  private let name: String
  private let original: Image

  /// Loads a PNG or JPEG file.
  ///
  /// - key: where in the job file it stands.
  /// - channels: 1 or 3, or the file is refused.
  init(path: String, _ access: FileAccess, at key: String, channels: Int) throws(JobFailure) {
    name = "\(key): \(path)"
    do {
      original = try attempt { try loadImage(access.file(path), channels: channels) }
    } catch {
      throw error.at(key)
    }
  }

  /// Fails the job if the other image's file has another size: cut and resampled, the two would not
  /// lie over each other.
  func checkSize(isThatOf other: TaskImage) throws(JobFailure) {
    let (a, b) = (original, other.original)
    guard a.width == b.width && a.height == b.height else {
      throw .failed(
        reason: "\(name) is \(a.width)×\(a.height) pixels and \(other.name) is"
          + " \(b.width)×\(b.height); both must have one size")
    }
  }

  /// The image at the network's size.
  ///
  /// - shape: 1×H×W×C.
  func resampled(to shape: Shape) -> Image {
    original.resampled(toHeight: shape.h, width: shape.w)
  }
}

extension Image {
  /// The pixels in [−1, 1], H·W·C.
  var floats: FloatBuffer {
    let buffer = FloatBuffer(count: pixels.count)
    unsafe pixels.withUnsafeBufferPointer {
      unsafe TensorCore.floats(fromBytes: $0, into: buffer.all)
    }
    return buffer
  }
}
