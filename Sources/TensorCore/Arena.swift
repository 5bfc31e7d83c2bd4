/// Memory for the tensors of one thread's passes: taken, recycled and reused by size, so that
/// after the first pass nothing is allocated and recently used memory, still in cache, comes first.
///
/// Not thread-safe: one arena a thread. Contents of a taken tensor are undefined.
@safe public final class Arena {
  private var free: [Int: [FloatBuffer]] = [:]
  private var taken: [UInt: FloatBuffer] = [:]
  private var scratch = FloatBuffer(count: 0)
  private var lent = false
  private var lastScope = ""
  /// Bytes owned, in use or not.
  public private(set) var bytes = 0 { didSet { peakBytes = max(peakBytes, bytes) } }
  /// The most bytes that were ever owned.
  public private(set) var peakBytes = 0

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

  /// Lends `body` `count` floats with undefined contents. For large memory whose size differs from
  /// use to use: there is one such buffer, which grows to the largest. Not to be nested.
  func lend<Result>(_ count: Int, _ body: (Tensor) -> Result) -> Result {
    precondition(!lent, "the arena's scratch memory is in use")
    if scratch.count < count {
      bytes += (count - scratch.count) * MemoryLayout<Float>.stride
      scratch = FloatBuffer(count: 0)
      scratch = FloatBuffer(count: count)
    }
    lent = true
    defer { lent = false }
    return body(scratch.tensor(at: 0, Shape(rows: 1, columns: count)))
  }

  /// Gives up the memory that is not in use: what comes needs other sizes.
  public func trim() {
    for (_, buffers) in free {
      for buffer in buffers { bytes -= buffer.count * MemoryLayout<Float>.stride }
    }
    free = [:]
  }

  /// Runs one pass and takes back everything taken in it that was not recycled. Tensors taken
  /// before stay taken.
  ///
  /// - name: passes of one name take memory of the same sizes; that of other passes is given up.
  public func scope<Result>(_ name: String, _ pass: () -> Result) -> Result {
    if name != lastScope {
      trim()
      lastScope = name
    }
    let outer = taken
    taken = [:]
    defer {
      for (_, buffer) in taken { free[buffer.count, default: []].append(buffer) }
      taken = outer
    }
    return pass()
  }
}
