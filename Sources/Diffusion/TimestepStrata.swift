public import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// The timesteps at which an image's bound is computed: all of the chain, or one drawn from each of
/// some parts of it (strata), which estimates the sum over all of them without bias.
///
/// The terms of the bound fall steeply with t, about as 1/t. The parts' lengths grow with t, so that
/// each has a like share of the sum; t = 1, the decoder's, is always a part of its own.
public struct TimestepStrata: Equatable, Sendable {
  /// The parts in the order of the reverse chain: from the one that ends with T to 1…1.
  public let ranges: [ClosedRange<Int>]

  /// `count` parts of a chain of `steps` steps; nil gives every timestep a part of its own.
  ///
  /// - count: 2 … steps; 1 of a chain of one step.
  public init(steps: Int, count: Int? = nil) {
    let count = count ?? steps
    precondition((min(2, steps)...steps).contains(count), "a chain of T steps has 2 … T parts")
    // First timesteps of the parts: 1, 2, and then in geometric progression up to T.
    let ratio = Double(steps) / 2
    let first = (0..<count).map { part in
      let geometric = 2 * pow(ratio, Double(part - 1) / Double(max(count - 1, 1)))
      return part == 0 ? 1 : max(part + 1, Int(geometric.rounded()))
    }
    ranges = zip(first, first.dropFirst() + [steps + 1]).map { $0...$1 - 1 }.reversed()
  }

  /// Whether every timestep is computed.
  public var isExact: Bool { ranges.allSatisfy { $0.count == 1 } }

  /// The timestep of part `index` for an image: uniform in the part.
  ///
  /// - random: the stream `evaluationTimestep`.
  /// - image: the image's index in the data set.
  public func timestep(_ index: Int, image: Int, random: Philox) -> Int {
    let range = ranges[index]
    guard range.count > 1 else { return range.lowerBound }
    return range.lowerBound
      + random.integer(below: range.count, step: UInt32(index), image: UInt32(image))
  }
}
