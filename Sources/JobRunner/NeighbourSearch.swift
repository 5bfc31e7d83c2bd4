/// The training images most like given images, by brute force: the distance of two images is the L2
/// norm of the difference of their pixels, computed exactly from the bytes.
///
/// Neighbours are ordered by distance and, where these are equal, by their place in the data set, so
/// that neither threads nor the order of the search decide anything.

import Datasets
import Images
import Synchronization
import TensorCore

/// An image of a data set, seen from another image.
struct Neighbour: Comparable {
  /// The sum of squared differences of the bytes.
  let squaredDistance: Int
  /// Place in the data set, counted from 0.
  let index: Int
  /// Whether the mirror image is meant.
  let isMirrored: Bool

  /// The L2 distance of pixels in 0 … 1.
  var distance: Double { Double(squaredDistance).squareRoot() / 255 }

  static func < (a: Neighbour, b: Neighbour) -> Bool {
    (a.squaredDistance, a.index) < (b.squaredDistance, b.index)
  }
}

/// Finds nearest neighbours in one data set.
struct NeighbourSearch {
  let dataset: any Dataset
  /// How many neighbours are wanted.
  let count: Int
  /// Whether the data set's mirror images count as well.
  let mirrored: Bool
  let pool: ThreadPool

  /// Images looked at between two questions whether to stop.
  private static let round = 4096
  /// Images that a thread takes at a time.
  private static let chunk = 64

  /// For each of `images`, all of the data set's size, the `count` nearest, the nearest first.
  ///
  /// Throws: `JobFailure.stopped`, or `DatasetError` of the first image that cannot be read.
  func neighbours(of images: [Image], shouldStop: () -> Bool) throws -> [[Neighbour]] {
    let queries = images.map { Query($0, count: count, mirrored: mirrored) }
    var found = queries.map(\.nearest)
    for start in stride(from: 0, to: dataset.count, by: Self.round) {
      if shouldStop() { throw JobFailure.stopped }
      let round = start..<min(start + Self.round, dataset.count)
      for (index, more) in try search(round, queries).enumerated() { found[index].merge(more) }
    }
    return found.map(\.neighbours)
  }

  private func search(_ round: Range<Int>, _ queries: [Query]) throws -> [Nearest] {
    let chunks = stride(from: round.lowerBound, to: round.upperBound, by: Self.chunk).map {
      $0..<min($0 + Self.chunk, round.upperBound)
    }
    let dataset = dataset
    let result = Mutex<(nearest: [Nearest], error: (chunk: Int, DatasetError)?)>(
      (queries.map(\.nearest), nil))
    pool.run(chunks.count) { chunk, _ in
      var nearest = queries.map(\.nearest)
      var pixels = [UInt8](repeating: 0, count: dataset.imageSize)
      do throws(DatasetError) {
        for index in chunks[chunk] {
          try unsafe pixels.withUnsafeMutableBufferPointer { buffer throws(DatasetError) in
            try unsafe dataset.read(index, into: buffer)
          }
          for (place, query) in queries.enumerated() {
            nearest[place].insert(query.neighbour(index, pixels))
          }
        }
        result.withLock { result in
          for place in queries.indices { result.nearest[place].merge(nearest[place]) }
        }
      } catch {
        result.withLock { result in
          if chunk < result.error?.chunk ?? .max { result.error = (chunk, error) }
        }
      }
    }
    let (nearest, error) = result.withLock { $0 }
    if let error { throw error.1 }
    return nearest
  }
}

/// An image whose neighbours are looked for.
private struct Query {
  private let pixels: [UInt8]
  /// Nil where mirror images do not count.
  private let mirrored: [UInt8]?
  /// No neighbours yet.
  let nearest: Nearest

  init(_ image: Image, count: Int, mirrored: Bool) {
    pixels = image.pixels
    self.mirrored = mirrored ? image.mirrored.pixels : nil
    nearest = Nearest(count: count)
  }

  /// An image of the data set as it is, or as its mirror image if that is nearer.
  func neighbour(_ index: Int, _ other: [UInt8]) -> Neighbour {
    let plain = squaredDistance(pixels, other)
    // The mirror image of one is as far from the other as the other's from the one.
    if let mirrored {
      let distance = squaredDistance(mirrored, other)
      if distance < plain {
        return Neighbour(squaredDistance: distance, index: index, isMirrored: true)
      }
    }
    return Neighbour(squaredDistance: plain, index: index, isMirrored: false)
  }
}

/// The nearest of all neighbours that were inserted.
private struct Nearest {
  private(set) var neighbours: [Neighbour] = []
  private let count: Int

  init(count: Int) { self.count = count }

  mutating func insert(_ neighbour: Neighbour) {
    if neighbours.count == count {
      guard let last = neighbours.last, neighbour < last else { return }
      neighbours.removeLast()
    }
    let place = neighbours.firstIndex { neighbour < $0 } ?? neighbours.count
    neighbours.insert(neighbour, at: place)
  }

  mutating func merge(_ other: Nearest) {
    for neighbour in other.neighbours { insert(neighbour) }
  }
}

private func squaredDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  precondition(a.count == b.count, "the images differ in size")
  return unsafe a.withUnsafeBufferPointer { a in
    unsafe b.withUnsafeBufferPointer { b in
      var sum = 0
      for i in 0..<a.count {
        let difference = unsafe Int32(a[i]) &- Int32(b[i])
        sum &+= Int(difference &* difference)
      }
      return sum
    }
  }
}
