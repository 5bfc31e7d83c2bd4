/// Memory for the tensors of one thread's passes: taken, recycled and reused by size, so that
/// after the first pass nothing is allocated and recently used memory, still in cache, comes first.
///
/// Not thread-safe: one arena a thread. Contents of a taken tensor are undefined.
@safe public final class Arena {
  private var free: [Int: [FloatBuffer]] = [:]
  private var taken: [UInt: FloatBuffer] = [:]
  /// Bytes owned, in use or not.
  public private(set) var bytes = 0

  /// An arena that owns nothing yet.
  public init() {}

  /// A tensor with undefined contents, valid until `recycle` or the end of the `scope`.
  public func take(_ shape: Shape) -> Tensor {
    let buffer: FloatBuffer
    if let reused = free[shape.count]?.popLast() {
      buffer = reused
    } else {
      buffer = FloatBuffer(count: shape.count)
      bytes += shape.count * MemoryLayout<Float>.stride
    }
    let tensor = buffer.tensor(at: 0, shape)
    taken[tensor.address] = buffer
    return tensor
  }

  /// Gives a tensor's memory back. Only the whole of what `take` returned can be recycled.
  public func recycle(_ tensor: Tensor) {
    guard let buffer = taken.removeValue(forKey: tensor.address) else {
      preconditionFailure("tensor was not taken from this arena, or was recycled before")
    }
    free[buffer.count, default: []].append(buffer)
  }

  /// Runs one pass and takes back everything taken in it that was not recycled. Tensors taken
  /// before stay taken.
  public func scope<Result>(_ pass: () -> Result) -> Result {
    let outer = taken
    taken = [:]
    defer {
      for (_, buffer) in taken { free[buffer.count, default: []].append(buffer) }
      taken = outer
    }
    return pass()
  }
}
