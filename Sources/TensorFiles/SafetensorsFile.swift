/// Reading safetensors files: https://github.com/huggingface/safetensors.
///
/// A file is: the header's length (8 bytes, little-endian), the header (JSON, padded with spaces),
/// the tensors' bytes. Opening reads and checks the header only: its size, every tensor's type,
/// shape and byte range, and that the ranges fill the rest of the file without gap or overlap, as
/// the reference implementation demands. Tensors are read one by one when asked for.

public import GuardedFiles
internal import StrictJSON

/// An open safetensors file. May be read from any thread.
public final class SafetensorsFile: Sendable {
  /// A tensor in the file.
  public struct Entry: Equatable, Sendable {
    /// Unique in the file.
    public let name: String
    /// The type's name in the header, such as `F32`.
    public let dtype: String
    /// The extent of each axis.
    public let shape: [Int]
    /// The number of elements.
    public let count: Int
    /// Its bytes, counted from the beginning of the file.
    let bytes: Range<Int>
  }

  /// Headers above this size are refused, as by the reference implementation.
  public static let headerLimit = 100_000_000

  /// Where the file was opened.
  public let path: String
  /// The strings stored under `__metadata__`.
  public let metadata: [String: String]
  /// In the order of their bytes in the file.
  public let entries: [Entry]
  private let index: [String: Int]
  private let file: ByteFile

  /// Opens a file and checks its header.
  ///
  /// - access: what may be read.
  public init(
    path: String, access: FileAccess = .ofThisProcess
  ) throws(TensorFileError) {
    self.path = path
    file = try ByteFile(path: path, access: access)
    guard file.size >= 8 else {
      throw .damaged(path: path, problem: "it has \(file.size) bytes, too few for a header")
    }
    let length = try file.bytes(at: 0, count: 8).reversed().reduce(UInt64(0)) {
      $0 << 8 | UInt64($1)
    }
    guard length <= UInt64(min(Self.headerLimit, file.size - 8)) else {
      throw .damaged(
        path: path,
        problem: "its header would be \(length) bytes long, in a file of \(file.size) bytes")
    }
    let header = try file.bytes(at: 8, count: Int(length))
    do {
      (metadata, entries) = try parseHeader(header, dataSize: file.size - 8 - Int(length))
    } catch {
      throw .damaged(path: path, problem: error.problem)
    }
    index = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
  }

  /// The names of the tensors, in the order of their bytes in the file.
  public var names: [String] { entries.map(\.name) }

  /// The tensor called `name`, if the file has it.
  public func entry(_ name: String) -> Entry? { index[name].map { entries[$0] } }

  /// Reads a tensor of type F32, F16 or BF16 as float32; `values` has exactly its count.
  public func read(
    _ name: String, into values: UnsafeMutableBufferPointer<Float>
  ) throws(TensorFileError) {
    guard let entry = entry(name) else { throw .missing(path: path, tensor: name) }
    precondition(values.count == entry.count, "the buffer must have the tensor's size")
    switch entry.dtype {
    case "F32":
      try unsafe file.read(at: entry.bytes.lowerBound, into: UnsafeMutableRawBufferPointer(values))
    case "F16":
      try unsafe readHalves(entry, into: values) { Float(Float16(bitPattern: $0)) }
    case "BF16":
      try unsafe readHalves(entry, into: values) { Float(bitPattern: UInt32($0) << 16) }
    default:
      throw .unsupported(
        path: path, problem: "tensor \"\(name)\" is of type \(entry.dtype); F32, F16, BF16 are read"
      )
    }
  }

  private func readHalves(
    _ entry: Entry, into values: UnsafeMutableBufferPointer<Float>, convert: (UInt16) -> Float
  ) throws(TensorFileError) {
    var block = [UInt16](repeating: 0, count: min(entry.count, 1 << 16))
    var done = 0
    while done < entry.count {
      let n = min(block.count, entry.count - done)
      try unsafe block.withUnsafeMutableBufferPointer { halves throws(TensorFileError) in
        try unsafe file.read(
          at: entry.bytes.lowerBound + 2 * done,
          into: UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: halves[..<n])))
      }
      for i in 0..<n { unsafe values[done + i] = convert(block[i]) }
      done += n
    }
  }
}

/// Bits of one element of each type of the format.
private let bitsOfType = [
  "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "U16": 16, "I16": 16,
  "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
]

private struct HeaderError: Error {
  let problem: String
}

private func parseHeader(
  _ header: [UInt8], dataSize: Int
) throws(HeaderError) -> ([String: String], [SafetensorsFile.Entry]) {
  let members: [(key: String, value: JSONValue)]
  do {
    guard let object = try JSONValue(parsing: header).object else {
      throw HeaderError(problem: "its header is not a JSON object")
    }
    members = object.members
  } catch let error as HeaderError {
    throw error
  } catch {
    throw HeaderError(problem: "its header is not JSON: \(error)")
  }
  var metadata: [String: String] = [:]
  var entries: [SafetensorsFile.Entry] = []
  for (name, value) in members {
    if name == "__metadata__" {
      guard let object = value.object else {
        throw HeaderError(problem: "its __metadata__ is not an object of strings")
      }
      for (key, value) in object.members {
        guard let text = value.string else {
          throw HeaderError(problem: "its __metadata__ \"\(key)\" is not a string")
        }
        metadata[key] = text
      }
    } else {
      entries.append(try parseEntry(name, value, dataStart: header.count + 8))
    }
  }
  entries.sort {
    ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
  }
  var end = header.count + 8
  for entry in entries {
    guard entry.bytes.lowerBound == end else {
      throw HeaderError(
        problem: "tensor \"\(entry.name)\" does not begin where the one before it ends")
    }
    end = entry.bytes.upperBound
  }
  guard end == header.count + 8 + dataSize else {
    throw HeaderError(
      problem: "its tensors need \(end) bytes and the file has \(header.count + 8 + dataSize)")
  }
  return (metadata, entries)
}

private func parseEntry(
  _ name: String, _ value: JSONValue, dataStart: Int
) throws(HeaderError) -> SafetensorsFile.Entry {
  guard let dtype = value["dtype"]?.string, let bits = bitsOfType[dtype] else {
    throw HeaderError(problem: "tensor \"\(name)\" has no known dtype")
  }
  // Bounded so that no product or sum below can overflow.
  func naturals(_ key: String) -> [Int]? {
    guard let array = value[key]?.array else { return nil }
    let numbers = array.compactMap(\.int).filter { (0..<(1 << 48)).contains($0) }
    return numbers.count == array.count ? numbers : nil
  }
  guard let shape = naturals("shape"), let count = product(shape) else {
    throw HeaderError(problem: "tensor \"\(name)\" has no valid shape")
  }
  guard let offsets = naturals("data_offsets"), offsets.count == 2, offsets[0] <= offsets[1],
    offsets[1] - offsets[0] == count * bits / 8
  else {
    throw HeaderError(
      problem: "tensor \"\(name)\" needs \(count * bits / 8) bytes and its data_offsets differ")
  }
  return SafetensorsFile.Entry(
    name: name, dtype: dtype, shape: shape, count: count,
    bytes: dataStart + offsets[0]..<dataStart + offsets[1])
}
