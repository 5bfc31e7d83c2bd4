internal import Glibc

/// Extents of a tensor, always in the order N×H×W×C. A matrix is rows = N·H·W by C columns.
public struct Shape: Hashable, Sendable {
  /// Images.
  public var n: Int
  /// Height in pixels.
  public var h: Int
  /// Width in pixels.
  public var w: Int
  /// Channels.
  public var c: Int

  /// n×h×w×c.
  public init(_ n: Int, _ h: Int, _ w: Int, _ c: Int) {
    self.n = n
    self.h = h
    self.w = w
    self.c = c
  }

  /// A matrix of `rows` by `columns`.
  public init(rows: Int, columns: Int) { self.init(rows, 1, 1, columns) }

  /// Rows of the matrix: pixels of all images.
  public var rows: Int { n * h * w }
  /// Number of elements.
  public var count: Int { n * h * w * c }
}

/// A view of dense float32 memory in N×H×W×C order, 64-byte aligned where an `Arena` made it.
///
/// **Lifetime.** A tensor owns nothing: it is valid as long as the `Arena` or `FloatBuffer` it was
/// taken from, and until it is recycled there. Whoever takes a tensor decides when it goes back;
/// a function given a tensor never keeps it. This is the one unsafe convention of the numerics;
/// everything that reads or writes elements checks shapes with `precondition` first.
@safe public struct Tensor: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  /// Extents of the view.
  public let shape: Shape

  /// For `TensorCore` and code with a buffer of its own: `base` must hold `shape.count` floats.
  public init(unsafe base: UnsafeMutablePointer<Float>, shape: Shape) {
    unsafe self.base = base
    self.shape = shape
  }

  /// Number of elements.
  public var count: Int { shape.count }

  /// Where the memory is, to tell tensors apart.
  var address: UInt { UInt(bitPattern: unsafe base) }

  /// The elements, for loops and copies at the edges of the numerics.
  public var elements: UnsafeMutableBufferPointer<Float> {
    unsafe UnsafeMutableBufferPointer(start: base, count: shape.count)
  }

  /// The same memory under another shape of the same count.
  public func reshaped(_ shape: Shape) -> Tensor {
    precondition(shape.count == self.shape.count, "reshape changes the number of elements")
    return unsafe Tensor(unsafe: base, shape: shape)
  }

  /// Elements `offset ..< offset + shape.count`, whatever their place in this tensor's shape.
  public func part(at offset: Int, _ shape: Shape) -> Tensor {
    precondition(offset >= 0 && offset + shape.count <= count, "part outside its tensor")
    return unsafe Tensor(unsafe: base + offset, shape: shape)
  }

  /// Images `range` along N.
  public func images(_ range: Range<Int>) -> Tensor {
    precondition(range.lowerBound >= 0 && range.upperBound <= shape.n, "images out of range")
    let stride = shape.h * shape.w * shape.c
    return unsafe Tensor(
      unsafe: base + range.lowerBound * stride,
      shape: Shape(range.count, shape.h, shape.w, shape.c))
  }
}

/// Zero-filled float32 memory that lives as long as the object; 64-byte aligned.
@safe public final class FloatBuffer: @unchecked Sendable {
  private let base: UnsafeMutablePointer<Float>
  /// Number of elements.
  public let count: Int

  /// Memory for `count` zeros.
  public init(count: Int) {
    // A multiple of the alignment, as aligned_alloc(3) wants it.
    let bytes = (max(count, 1) * MemoryLayout<Float>.stride + 63) / 64 * 64
    guard let raw = unsafe aligned_alloc(64, bytes) else { MemoryShortage.end(wanting: bytes) }
    unsafe base = raw.bindMemory(to: Float.self, capacity: count)
    unsafe base.initialize(repeating: 0, count: count)
    self.count = count
  }

  deinit { unsafe free(base) }

  /// Elements `offset ..< offset + shape.count` as a tensor; valid while the buffer lives.
  public func tensor(at offset: Int, _ shape: Shape) -> Tensor {
    precondition(offset >= 0 && offset + shape.count <= count, "tensor outside its buffer")
    return unsafe Tensor(unsafe: base + offset, shape: shape)
  }

  /// The whole buffer as one row.
  public var all: Tensor { tensor(at: 0, Shape(rows: 1, columns: count)) }
}
