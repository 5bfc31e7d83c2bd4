/// Reading and writing NumPy's .npy files: arrays of float32 (`<f4`), uint8 (`|u1`), int32 (`<i4`)
/// or int64 (`<i8`) in C order.
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
///
/// Opening reads and checks the header only, and that the file has exactly the elements it
/// promises; elements are read in slices when asked for. Files are written through `AtomicFile`,
/// byte for byte as `numpy.save` writes them.

internal import DurableIO
public import GuardedFiles

/// An element type that .npy files are read and written with.
public protocol NpyElement: BitwiseCopyable {
  /// NumPy's name of the type, with the byte order.
  static var npyDescription: String { get }
}

extension Float: NpyElement {
  /// Little-endian float32.
  public static var npyDescription: String { "<f4" }
}

extension UInt8: NpyElement {
  /// Bytes have no order.
  public static var npyDescription: String { "|u1" }
}

extension Int32: NpyElement {
  /// Little-endian int32.
  public static var npyDescription: String { "<i4" }
}

extension Int64: NpyElement {
  /// Little-endian int64.
  public static var npyDescription: String { "<i8" }
}

/// An open .npy file. May be read from any thread.
public final class NpyFile: Sendable {
  /// Where the file was opened.
  public let path: String
  /// The extent of each axis.
  public let shape: [Int]
  /// The number of elements.
  public let count: Int
  private let descr: String
  private let dataStart: Int
  private let file: ByteFile

  /// Opens a file and checks its header.
  ///
  /// - access: what may be read.
  public init(
    path: String, access: FileAccess = .ofThisProcess
  ) throws(TensorFileError) {
    self.path = path
    file = try ByteFile(path: path, access: access)
    let header = try NpyHeader(file)
    (descr, shape, count, dataStart) = (header.descr, header.shape, header.count, header.size)
  }

  /// NumPy's name of the elements' type, such as `float32`.
  public var elementType: String {
    switch descr {
    case UInt8.npyDescription: "uint8"
    case Int32.npyDescription: "int32"
    case Int64.npyDescription: "int64"
    default: "float32"
    }
  }

  /// Whether the elements are of this type.
  public func holds<Element: NpyElement>(_: Element.Type) -> Bool {
    descr == Element.npyDescription
  }

  /// Reads the elements from `first` on, in C order; their type is the file's.
  public func read<Element: NpyElement>(
    from first: Int, into elements: UnsafeMutableBufferPointer<Element>
  ) throws(TensorFileError) {
    precondition(holds(Element.self), "the file holds \(descr)")
    precondition(first >= 0 && first + elements.count <= count, "elements outside the array")
    try unsafe file.read(
      at: dataStart + first * MemoryLayout<Element>.size,
      into: UnsafeMutableRawBufferPointer(elements))
  }
}

extension NpyFile {
  /// All elements as integers; nil if they are none.
  public func integers() throws(TensorFileError) -> [Int]? {
    switch descr {
    case UInt8.npyDescription: try elements(UInt8.self).map { Int($0) }
    case Int32.npyDescription: try elements(Int32.self).map { Int($0) }
    case Int64.npyDescription: try elements(Int64.self).map { Int($0) }
    default: nil
    }
  }

  private func elements<Element: NpyElement & AdditiveArithmetic>(
    _: Element.Type
  ) throws(TensorFileError) -> [Element] {
    var elements = [Element](repeating: .zero, count: count)
    try unsafe elements.withUnsafeMutableBufferPointer { buffer throws(TensorFileError) in
      try unsafe read(from: 0, into: buffer)
    }
    return elements
  }
}

/// Writes an array of `shape` to `path`; `fill` is called for each index of the first axis, in
/// order, with a zeroed buffer for its part. Returns the SHA-256 of the file in hex.
@discardableResult
public func writeNpy<Element: NpyElement & AdditiveArithmetic>(
  to path: String, shape: [Int],
  fill: (Int, UnsafeMutableBufferPointer<Element>) throws(TensorFileError) -> Void
) throws(TensorFileError) -> String {
  precondition(!shape.isEmpty, "an array has an axis")
  let part = UnsafeMutableBufferPointer<Element>.allocate(capacity: shape.dropFirst().reduce(1, *))
  defer { unsafe part.deallocate() }
  do {
    var file = try HashedFile(path)
    try file.write(NpyHeader.encoded(descr: Element.npyDescription, shape: shape))
    for index in 0..<shape[0] {
      unsafe part.initialize(repeating: .zero)
      try unsafe fill(index, part)
      try unsafe file.write(UnsafeRawBufferPointer(part))
    }
    return try file.publish()
  } catch let error as SystemError {
    throw .system(error)
  } catch let error as TensorFileError {
    throw error
  } catch {
    preconditionFailure("no other error is thrown above: \(error)")
  }
}
