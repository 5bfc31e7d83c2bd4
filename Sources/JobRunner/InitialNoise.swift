import GuardedFiles
import TensorCore
import TensorFiles

/// x_T of a sample job, given by the user: a `.npy` file of float32, count×C×H×W as diffusers has it.
struct InitialNoise {
  private let file: NpyFile
  private let shape: Shape

  /// Opens the file and checks that it fits the job, and that every number in it is finite.
  ///
  /// - imageShape: 1×H×W×C.
  init(path: String, _ access: FileAccess, count: Int, imageShape: Shape) throws(JobFailure) {
    shape = imageShape
    file = try attempt { try NpyFile(path: path, access: access) }
    let wanted = [count, imageShape.c, imageShape.h, imageShape.w]
    guard file.holds(Float.self), file.shape == wanted else {
      throw .failed(
        reason: "$.initial_noise: \(path) is an array \(file.shape); a float32 array \(wanted)"
          + " is needed: N equal to $.count, and the model's channels, height and width")
    }
    for image in 0..<count {
      let position = try attempt {
        try unsafe read(image) { values in unsafe values.firstIndex { !$0.isFinite } }
      }
      guard let position else { continue }
      let (channel, pixel) = position.quotientAndRemainder(dividingBy: shape.h * shape.w)
      throw .failed(
        reason: "$.initial_noise: \(path) has a number that is not finite: image \(image), channel"
          + " \(channel), row \(pixel / shape.w), column \(pixel % shape.w), counted from 0")
    }
  }

  /// Fills `x` (N×H×W×C) with the noise of the job's images `images`.
  func fill(_ x: Tensor, images: Range<Int>) throws(TensorFileError) {
    for (offset, image) in images.enumerated() {
      try unsafe read(image) { unsafe copy(channelsFirst: $0, into: x.images(offset..<offset + 1)) }
    }
  }

  /// Calls `body` with the noise of one image, C×H×W.
  private func read<Result>(
    _ image: Int, _ body: (UnsafeBufferPointer<Float>) -> Result
  ) throws(TensorFileError) -> Result {
    let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: shape.count)
    defer { unsafe values.deallocate() }
    unsafe values.initialize(repeating: 0)
    try unsafe file.read(from: image * shape.count, into: values)
    return unsafe body(UnsafeBufferPointer(values))
  }
}
