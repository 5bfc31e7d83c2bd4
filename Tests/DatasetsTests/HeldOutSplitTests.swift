import Images
import TensorCore
import Testing

@testable import Datasets

@Suite struct HeldOutSplitTests {
  /// Image i has i in its only pixel, and is of class i % 3.
  private struct Numbers: Dataset {
    let count: Int
    var height: Int { 1 }
    var width: Int { 1 }
    var channels: Int { 1 }
    var labels: Labels? { Labels(classes: ["a", "b", "c"], numbers: (0..<count).map { $0 % 3 }) }

    func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) {
      unsafe pixels[0] = UInt8(index)
    }
  }

  private func split(_ heldOut: Int, seed: UInt64 = 1) throws -> (training: [Int], heldOut: [Int]) {
    let split = HeldOutSplit(
      Numbers(count: 50), holdingOut: heldOut, random: Philox(seed: seed, stream: 10))
    for part in [split.training, split.heldOut] {
      let classes = try images(part).map { Int($0.pixels[0]) % 3 }
      #expect(part.labels?.numbers == classes && part.labels?.classes == ["a", "b", "c"])
    }
    return (
      try images(split.training).map { Int($0.pixels[0]) },
      try images(split.heldOut).map { Int($0.pixels[0]) }
    )
  }

  @Test(arguments: [1, 20, 49]) func everyImageIsInOnePart(heldOut count: Int) throws {
    let (training, heldOut) = try split(count)
    #expect(heldOut.count == count)
    #expect(training == training.sorted())
    #expect((training + heldOut).sorted() == Array(0..<50))
    #expect(try split(count).heldOut == heldOut)
  }

  @Test func theSeedDecides() throws {
    #expect(try split(20, seed: 1).heldOut != split(20, seed: 2).heldOut)
    // A larger part begins with the smaller one.
    #expect(try split(20).heldOut.prefix(7) == split(7).heldOut[...])
  }
}
