/// A data set in two: the images that training sees, and those that it never does.

public import TensorCore

/// Which images are held out is drawn from a stream; both parts keep the images' labels.
public struct HeldOutSplit: Sendable {
  /// The images to train on, in the data set's order.
  public let training: any Dataset
  /// The images held out, in an order that is drawn as well.
  public let heldOut: any Dataset

  /// Holds out `count` images of `dataset`.
  ///
  /// - count: 1 ..< dataset.count.
  /// - random: a stream used for nothing else.
  public init(_ dataset: any Dataset, holdingOut count: Int, random: Philox) {
    precondition((1..<dataset.count).contains(count), "both parts have images")
    var shuffle = EpochShuffle(count: dataset.count, random: random)
    let order = shuffle.batch(step: 0, batchSize: dataset.count)
    heldOut = SubsetDataset(dataset, Array(order[..<count]))
    training = SubsetDataset(dataset, order[count...].sorted())
  }
}

/// Some of another data set's images.
private struct SubsetDataset: Dataset {
  let labels: Labels?
  private let whole: any Dataset
  private let images: [Int]

  var count: Int { images.count }
  var height: Int { whole.height }
  var width: Int { whole.width }
  var channels: Int { whole.channels }

  init(_ whole: any Dataset, _ images: [Int]) {
    self.whole = whole
    self.images = images
    labels = whole.labels?[images]
  }

  func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError) {
    try unsafe whole.read(images[index], into: pixels)
  }
}
