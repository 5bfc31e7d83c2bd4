import Synchronization
import TensorCore

/// Adds the gradients of all shards into the first one and returns the sum of its squares.
///
/// The sum runs over a fixed binary tree, (0+1)+(2+3)…, in chunks of fixed size: its bits do not
/// depend on the threads. This is the one place where shards meet; were they spread over machines,
/// only this function would change.
func sumGradients(_ shards: [Tensor], pool: ThreadPool) -> Double {
  let count = shards[0].count
  let chunks = (count + chunkSize - 1) / chunkSize
  let squares = SharedSums(count: chunks)
  pool.run(chunks) { chunk, _ in
    let parts = shards.map { $0.chunk(chunk) }
    var stride = 1
    while stride < parts.count {
      for left in Swift.stride(from: 0, to: parts.count - stride, by: 2 * stride) {
        add(parts[left + stride], into: parts[left])
      }
      stride *= 2
    }
    squares[chunk] = sumOfSquares(parts[0])
  }
  return squares.total
}

/// Floats in one piece of work on flat buffers: small enough for the cache, large enough that
/// handing it out costs nothing.
let chunkSize = 1 << 15

extension Tensor {
  /// Piece `index` of `chunkSize` elements, the last one shorter.
  func chunk(_ index: Int) -> Tensor {
    let start = index * chunkSize
    return part(at: start, Shape(rows: 1, columns: min(chunkSize, count - start)))
  }
}

/// Numbers that threads write each in a place of its own, added up in order of place.
final class SharedSums: Sendable {
  private let sums: Mutex<[Double]>

  init(count: Int) { sums = Mutex(Array(repeating: 0, count: count)) }

  subscript(index: Int) -> Double {
    get { sums.withLock { $0[index] } }
    set { sums.withLock { $0[index] = newValue } }
  }

  var values: [Double] { sums.withLock { $0 } }

  var total: Double { values.reduce(0, +) }
}
