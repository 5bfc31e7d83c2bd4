/// The images that a sample job has finished, in files of one batch each: `samples/FIRST.npy`,
/// uint8 M×H×W×C, the batch's images and then its views. A batch's file appears whole; what is
/// there is never drawn again.

import DurableIO
import Images
import TensorCore
import TensorFiles

/// Finished batches on disk.
struct SampleStore {
  /// All batches of the job, in order.
  let batches: [Range<Int>]
  /// 1×H×W×C.
  let imageShape: Shape
  private let path: String
  private let viewCount: (Range<Int>) -> Int

  /// How many images the job has in all.
  var count: Int { batches.last?.upperBound ?? 0 }

  /// The store in the folder `path`, made where missing, of a job that draws these batches.
  ///
  /// - imageShape: 1×H×W×C.
  /// - viewCount: how many views a batch has; see `ProgressiveStrip`.
  init(
    path: String, batches: [Range<Int>], imageShape: Shape, viewCount: @escaping (Range<Int>) -> Int
  ) throws(SystemError) {
    self.path = path
    self.viewCount = viewCount
    self.batches = batches
    self.imageShape = imageShape
    try Directory.create(path)
    try Directory.removeTemporaries(in: path)
  }

  /// The batches still to be drawn. One whose file is damaged is drawn again.
  func missing(report: (_ problem: String) -> Void) throws(JobFailure) -> [Range<Int>] {
    var missing: [Range<Int>] = []
    for batch in batches {
      guard try attempt({ try Directory.exists(file(batch)) }) else {
        missing.append(batch)
        continue
      }
      do {
        _ = try open(batch)
      } catch {
        if case .system(let error) = error { throw JobFailure(error) }
        report("\(error); its images are drawn again")
        missing.append(batch)
      }
    }
    return missing
  }

  /// Stores a finished batch and its views, both in [−1, 1], durably.
  func write(_ batch: Range<Int>, _ x: Tensor, views: Tensor?) throws(TensorFileError) {
    let images = [x, views].compactMap { $0 }.flatMap { tensor in
      (0..<tensor.shape.n).map { tensor.images($0..<$0 + 1) }
    }
    try unsafe writeNpy(to: file(batch), shape: shape(of: batch)) {
      (index, pixels: UnsafeMutableBufferPointer<UInt8>) throws(TensorFileError) in
      unsafe bytes(from: images[index], into: pixels)
    }
  }

  /// The images of a stored batch.
  func images(_ batch: Range<Int>) throws(TensorFileError) -> [Image] {
    try read(0..<batch.count, of: batch)
  }

  /// The views of a stored batch.
  func views(_ batch: Range<Int>) throws(TensorFileError) -> [Image] {
    try read(batch.count..<batch.count + viewCount(batch), of: batch)
  }

  private func read(
    _ places: Range<Int>, of batch: Range<Int>
  ) throws(TensorFileError) -> [Image] {
    let file = try open(batch)
    let shape = imageShape
    var images: [Image] = []
    for place in places {
      var pixels = [UInt8](repeating: 0, count: shape.count)
      try unsafe pixels.withUnsafeMutableBufferPointer { buffer throws(TensorFileError) in
        try unsafe file.read(from: place * shape.count, into: buffer)
      }
      images.append(
        Image(height: shape.h, width: shape.w, channels: shape.c, pixels: pixels))
    }
    return images
  }

  /// The job's first images, at most `count` of them.
  func first(_ count: Int) throws(TensorFileError) -> [Image] {
    var images: [Image] = []
    for batch in batches where images.count < count { images += try self.images(batch) }
    return Array(images.prefix(count))
  }

  private func file(_ batch: Range<Int>) -> String { "\(path)/\(batch.lowerBound).npy" }

  private func shape(of batch: Range<Int>) -> [Int] {
    [batch.count + viewCount(batch), imageShape.h, imageShape.w, imageShape.c]
  }

  private func open(_ batch: Range<Int>) throws(TensorFileError) -> NpyFile {
    let file = try NpyFile(path: file(batch))
    guard file.holds(UInt8.self), file.shape == shape(of: batch) else {
      throw .damaged(path: file.path, problem: "it does not hold the batch's \(batch.count) images")
    }
    return file
  }
}
