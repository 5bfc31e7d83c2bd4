/// The order in which training sees the images: every epoch is a new permutation of all of them.
///
/// The order is a pure function of (seed, epoch), so a run that is resumed at any step continues
/// it without anything stored. Batches run on over the end of an epoch; no image is left out.

public import TensorCore

/// A permutation of 0 ..< count for each epoch, by Fisher and Yates' method (Durstenfeld 1964).
public struct EpochShuffle: Sendable {
  /// The number of images.
  public let count: Int
  private let random: Philox
  private var epoch = -1
  private var permutation: [UInt32] = []

  /// - random: a stream used for nothing else.
  public init(count: Int, random: Philox) {
    precondition(count > 0 && count <= UInt32.max, "images are counted in 32 bits")
    self.count = count
    self.random = random
  }

  /// The images of a step's batch, steps counted from 0.
  public mutating func batch(step: Int, batchSize: Int) -> [Int] {
    (step * batchSize..<(step + 1) * batchSize).map { position in
      select(epoch: position / count)
      return Int(permutation[position % count])
    }
  }

  private mutating func select(epoch: Int) {
    if epoch == self.epoch { return }
    self.epoch = epoch
    permutation = (0..<UInt32(count)).map { $0 }
    let block = 1 << 12
    for start in stride(from: 0, to: count, by: block) {
      let words = random.words(
        count: 2 * min(block, count - start), step: UInt32(epoch), image: UInt32(start / block))
      for i in start..<min(start + block, count) {
        // A 64-bit number scaled to i ..< count: biased by less than count/2⁶⁴.
        let bits = UInt64(words[2 * (i - start)]) << 32 | UInt64(words[2 * (i - start) + 1])
        let j = i + Int(UInt64(count - i).multipliedFullWidth(by: bits).high)
        permutation.swapAt(i, j)
      }
    }
  }
}
