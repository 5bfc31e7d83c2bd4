import TensorCore
import TensorFiles

/// x_T of a sample job, given by the user: a `.npy` file of float32, count×C×H×W as diffusers has it.
struct InitialNoise {
  private let file: NpyFile
  private let shape: Shape

  /// Opens the file and checks that it fits the job.
  ///
  /// - imageShape: 1×H×W×C.
  init(path: String, count: Int, imageShape: Shape) throws(JobFailure) {
    shape = imageShape
    file = try attempt { try NpyFile(path: path) }
    let wanted = [count, imageShape.c, imageShape.h, imageShape.w]
    guard file.holds(Float.self), file.shape == wanted else {
      throw .failed(
        reason: "$.initial_noise: \(path) is an array \(file.shape); a float32 array \(wanted)"
          + " (count, channels, height, width) is needed")
    }
  }

  /// Fills `x` (N×H×W×C) with the noise of the job's images `images`.
  func fill(_ x: Tensor, images: Range<Int>) throws(TensorFileError) {
    let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: shape.count)
    defer { unsafe values.deallocate() }
    unsafe values.initialize(repeating: 0)
    for (offset, image) in images.enumerated() {
      try unsafe file.read(from: image * shape.count, into: values)
      unsafe copy(
        channelsFirst: UnsafeBufferPointer(values), into: x.images(offset..<offset + 1))
    }
  }
}
