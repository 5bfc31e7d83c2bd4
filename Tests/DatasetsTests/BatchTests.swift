import Images
import TensorCore
import Testing

@testable import Datasets

@Suite struct EpochShuffleTests {
  private func order(_ count: Int, seed: UInt64 = 1) -> EpochShuffle {
    EpochShuffle(count: count, random: Philox(seed: seed, stream: 9))
  }

  @Test(arguments: [(1, 1), (2, 3), (10, 4), (1000, 64), (9000, 7)])
  func everyImageComesOnceAnEpoch(count: Int, batchSize: Int) {
    var shuffle = order(count)
    var sequence: [Int] = []
    var step = 0
    while sequence.count < 3 * count {
      let batch = shuffle.batch(step: step, batchSize: batchSize)
      #expect(batch.count == batchSize)
      sequence += batch
      step += 1
    }
    let epochs = (0..<3).map { Array(sequence[$0 * count..<($0 + 1) * count]) }
    for epoch in epochs { #expect(epoch.sorted() == Array(0..<count)) }
    if count > 10 { #expect(Set(epochs).count == 3) }
  }

  @Test func aBatchDependsOnItsStepAlone() {
    var inOrder = order(100)
    let batches = (0..<20).map { inOrder.batch(step: $0, batchSize: 32) }
    var backwards = order(100)
    for step in (0..<20).reversed() {
      #expect(backwards.batch(step: step, batchSize: 32) == batches[step])
    }
    var other = order(100, seed: 2)
    #expect(other.batch(step: 0, batchSize: 32) != batches[0])
  }

  /// χ² of where image 0 comes first, over all positions: 10 ± 4.5 expected for 11 positions.
  @Test func positionsAreUniform() {
    let (count, epochs) = (11, 4400)
    var shuffle = order(count)
    var hits = [Int](repeating: 0, count: count)
    for epoch in 0..<epochs {
      let permutation = shuffle.batch(step: epoch, batchSize: count)
      hits[permutation.firstIndex(of: 0) ?? 0] += 1
    }
    let expected = Double(epochs) / Double(count)
    let chiSquared = hits.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) }
    #expect(chiSquared / expected < 30)
  }
}

@Suite struct BatchLoaderTests {
  private let dataset = MemoryDataset(
    images: (0..<7).map { noise(height: 2, width: 3, channels: 2, seed: $0) })
  private let order = EpochShuffle(count: 7, random: Philox(seed: 1, stream: 9))

  private func loader(flips: Philox? = nil, firstStep: Int = 0, broken: Int? = nil) -> BatchLoader {
    var dataset = dataset
    dataset.broken = broken
    return BatchLoader(
      dataset: dataset, order: order, batchSize: 4, flips: flips, firstStep: firstStep)
  }

  @Test func givesTheImagesInOrder() throws {
    var order = order
    let loader = loader()
    for step in 0..<10 {
      let expected = order.batch(step: step, batchSize: 4).flatMap { dataset.images[$0].pixels }
      #expect(try loader.next().pixels == expected)
    }
  }

  @Test func continuesAtAnyStep() throws {
    let flips = Philox(seed: 5, stream: 8)
    let whole = loader(flips: flips)
    var batches: [Batch] = []
    for _ in 0..<8 { batches.append(try whole.next()) }
    for step in 0..<8 {
      #expect(try loader(flips: flips, firstStep: step).next() == batches[step])
    }
  }

  @Test func mirrorsAboutHalfOfTheImages() throws {
    var order = order
    let loader = loader(flips: Philox(seed: 5, stream: 8))
    var mirrored = 0
    for step in 0..<100 {
      let batch = try loader.next().pixels
      for (position, index) in order.batch(step: step, batchSize: 4).enumerated() {
        let pixels = Array(batch[position * 12..<(position + 1) * 12])
        let image = dataset.images[index]
        // Of the pixels 0 to 5, two bytes each, in two rows of three.
        let mirror = [2, 1, 0, 5, 4, 3].flatMap { image.pixels[2 * $0...2 * $0 + 1] }
        #expect(pixels == image.pixels || pixels == mirror)
        if pixels == mirror { mirrored += 1 }
      }
    }
    #expect((150...250).contains(mirrored))
  }

  @Test func reportsABrokenImageWithItsBatch() throws {
    var order = order
    let broken = order.batch(step: 1, batchSize: 4)[2]
    let isInFirst = order.batch(step: 0, batchSize: 4).contains(broken)
    let loader = loader(broken: broken)
    if !isInFirst { _ = try loader.next() }
    let error = #expect(throws: DatasetError.self) { try loader.next() }
    #expect(error?.problem == "image \(broken) is broken")
  }
}
