/// Batches of pixels, and labels where there are any, in training's order, each read in the background while the one before it is
/// used.
///
/// A batch is a pure function of data set, order and step. An image that cannot be read is reported
/// when its batch is asked for.

internal import Synchronization
public import TensorCore

/// What a step works with.
public struct Batch: Equatable, Sendable {
  /// Images×height×width×channels bytes.
  public var pixels: [UInt8]
  /// The class of each image; nil if the data set has no labels.
  public var labels: [Int]?
}

/// Reads batches ahead. For one thread; it reads on another of its own.
public final class BatchLoader {
  private let source: BatchSource
  private let reader = BackgroundThread()
  private var step: Int
  private var pending: Pending<Result<Batch, DatasetError>>

  /// A loader whose first batch is that of `firstStep`, counted from 0.
  ///
  /// - flips: mirrors each image left to right with probability ½, drawn from a stream used for
  ///   nothing else by (step, image of the batch); nil mirrors none.
  public init(
    dataset: any Dataset, order: EpochShuffle, batchSize: Int, flips: Philox? = nil,
    firstStep: Int = 0
  ) {
    precondition(order.count == dataset.count && batchSize > 0, "the order is of other images")
    source = BatchSource(dataset: dataset, order: order, batchSize: batchSize, flips: flips)
    step = firstStep
    pending = source.read(step: step, on: reader)
  }

  /// The next step's batch, of batchSize images.
  public func next() throws(DatasetError) -> Batch {
    let batch = pending.wait()
    step += 1
    pending = source.read(step: step, on: reader)
    return try batch.get()
  }
}

private final class BatchSource: Sendable {
  private let dataset: any Dataset
  private let order: Mutex<EpochShuffle>
  private let batchSize: Int
  private let flips: Philox?

  init(dataset: any Dataset, order: EpochShuffle, batchSize: Int, flips: Philox?) {
    self.dataset = dataset
    self.order = Mutex(order)
    self.batchSize = batchSize
    self.flips = flips
  }

  func read(step: Int, on thread: BackgroundThread) -> Pending<Result<Batch, DatasetError>> {
    thread.run { Result { () throws(DatasetError) in try self.batch(step: step) } }
  }

  private func batch(step: Int) throws(DatasetError) -> Batch {
    let images = order.withLock { $0.batch(step: step, batchSize: batchSize) }
    let size = dataset.imageSize
    var pixels = [UInt8](repeating: 0, count: batchSize * size)
    try unsafe pixels.withUnsafeMutableBufferPointer { all throws(DatasetError) in
      for (position, image) in images.enumerated() {
        let part = unsafe UnsafeMutableBufferPointer(
          rebasing: all[position * size..<(position + 1) * size])
        try unsafe dataset.read(image, into: part)
        if flips?.integer(below: 2, step: UInt32(step), image: UInt32(position)) == 1 {
          unsafe mirror(part, width: dataset.width, channels: dataset.channels)
        }
      }
    }
    return Batch(
      pixels: pixels, labels: dataset.labels.map { labels in images.map { labels.numbers[$0] } })
  }
}

/// Reverses the pixels of every row.
private func mirror(_ pixels: UnsafeMutableBufferPointer<UInt8>, width: Int, channels: Int) {
  for row in stride(from: 0, to: pixels.count, by: width * channels) {
    for x in 0..<width / 2 {
      let (a, b) = (row + x * channels, row + (width - 1 - x) * channels)
      for c in 0..<channels { unsafe pixels.swapAt(a + c, b + c) }
    }
  }
}
