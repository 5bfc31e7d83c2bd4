/// A job's samples as they leave the chain, before they become bytes, for who compares or goes on
/// computing: while the job runs `FIRST-float32.npy` for each finished batch, beside its bytes and
/// written before them; at the end `samples-float32.npy`, in the layout of `initial_noise`.

import DurableIO
import TensorCore
import TensorFiles

/// Finished batches as float32, N×C×H×W.
struct FloatSamples {
  private let folder: String
  /// 1×H×W×C.
  private let imageShape: Shape

  /// - folder: that of the job's `SampleStore`.
  init(in folder: String, imageShape: Shape) {
    self.folder = folder
    self.imageShape = imageShape
  }

  /// Stores a finished batch, durably.
  func write(_ batch: Range<Int>, _ x: Tensor) throws(TensorFileError) {
    try unsafe writeNpy(to: file(batch), shape: shape(batch.count)) {
      (index, values: UnsafeMutableBufferPointer<Float>) throws(TensorFileError) in
      unsafe copy(x.images(index..<index + 1), channelsFirst: values)
    }
  }

  /// Whether a batch is there as it should be; one that is damaged is to be drawn again.
  func has(_ batch: Range<Int>) -> Bool { (try? open(batch)) != nil }

  /// Writes all batches as one array into `results`.
  func writeArray(of batches: [Range<Int>], to results: String) throws(TensorFileError) {
    var held: (range: Range<Int>, file: NpyFile)?
    try unsafe writeNpy(
      to: results + "/samples-float32.npy", shape: shape(batches.last?.upperBound ?? 0)
    ) { (index, values: UnsafeMutableBufferPointer<Float>) throws(TensorFileError) in
      if held?.range.contains(index) != true,
        let batch = batches.first(where: { $0.contains(index) })
      {
        held = (batch, try open(batch))
      }
      guard let held else { return }
      try unsafe held.file.read(
        from: (index - held.range.lowerBound) * imageShape.count, into: values)
    }
  }

  private func file(_ batch: Range<Int>) -> String { "\(folder)/\(batch.lowerBound)-float32.npy" }

  private func shape(_ count: Int) -> [Int] { [count, imageShape.c, imageShape.h, imageShape.w] }

  private func open(_ batch: Range<Int>) throws(TensorFileError) -> NpyFile {
    let file = try NpyFile(path: file(batch))
    guard file.holds(Float.self), file.shape == shape(batch.count) else {
      throw .damaged(path: file.path, problem: "it does not hold the batch's \(batch.count) images")
    }
    return file
  }
}
