/// The header of a .npy file: magic, version, length, and a Python dictionary literal of the keys
/// `descr`, `fortran_order` and `shape`.
struct NpyHeader {
  var descr = ""
  var shape: [Int] = []
  var count = 0
  /// Bytes before the first element.
  var size = 0

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  private static let sizeLimit = 1 << 16

  /// Reads and checks the header, and that the file's size is what it promises.
  init(_ file: ByteFile) throws(TensorFileError) {
    func damaged(_ problem: String) -> TensorFileError {
      .damaged(path: file.path, problem: problem)
    }
    let start = try file.bytes(at: 0, count: min(12, file.size))
    guard start.count == 12, start.starts(with: Self.magic) else {
      throw damaged("it does not begin as a .npy file")
    }
    let version = start[6]
    guard (1...3).contains(version) else {
      throw .unsupported(
        path: file.path, problem: "its .npy version is \(version); 1 to 3 are read")
    }
    let lengthSize = version == 1 ? 2 : 4
    let length = start[8..<8 + lengthSize].reversed().reduce(0) { $0 << 8 | Int($1) }
    size = 8 + lengthSize + length
    guard length <= Self.sizeLimit, size <= file.size else {
      throw damaged("its header would be \(length) bytes long")
    }
    var literal = PythonLiteral(try file.bytes(at: 8 + lengthSize, count: length))
    guard let dictionary = literal.dictionary() else {
      throw damaged("its header is not a dictionary of descr, fortran_order and shape")
    }
    guard case .text(let descr)? = dictionary["descr"],
      case .bool(let fortranOrder)? = dictionary["fortran_order"],
      case .tuple(let shape)? = dictionary["shape"], dictionary.count == 3
    else { throw damaged("its header lacks one of descr, fortran_order and shape") }
    let elementSize: Int
    switch descr {
    case Float.npyDescription, Int32.npyDescription: elementSize = 4
    case Int64.npyDescription: elementSize = 8
    case UInt8.npyDescription: elementSize = 1
    default:
      throw .unsupported(
        path: file.path,
        problem:
          "its elements are \(descr); float32 (<f4), uint8 (|u1), int32 (<i4) and int64 (<i8)"
          + " are read")
    }
    // In one dimension, and without elements, both orders are the same.
    guard !fortranOrder else {
      throw .unsupported(
        path: file.path, problem: "it is in Fortran order; save numpy.ascontiguousarray(x) instead")
    }
    guard let count = product(shape) else { throw damaged("its shape \(shape) is too large") }
    guard file.size - size == count * elementSize else {
      throw damaged(
        "its shape \(shape) needs \(count * elementSize) bytes and it has \(file.size - size)")
    }
    (self.descr, self.shape, self.count) = (descr, shape, count)
  }

  /// A header of version 1, padded so that the elements are aligned to 64 bytes.
  static func encoded(descr: String, shape: [Int]) -> [UInt8] {
    let axes = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var text = Array("{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(axes)), }".utf8)
    let padding = 64 - (magic.count + 4 + text.count + 1) % 64
    text += [UInt8](repeating: UInt8(ascii: " "), count: padding) + [UInt8(ascii: "\n")]
    return magic + [1, 0, UInt8(text.count & 255), UInt8(text.count >> 8)] + text
  }
}

/// A reader of the few Python literals that NumPy writes.
private struct PythonLiteral {
  enum Value {
    case text(String)
    case bool(Bool)
    case tuple([Int])
  }

  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// A whole dictionary with nothing but white space after it; nil if it is not one.
  mutating func dictionary() -> [String: Value]? {
    var result: [String: Value] = [:]
    guard take("{") else { return nil }
    while !take("}") {
      guard let key = text(), take(":"), let value = value(), result[key] == nil else {
        return nil
      }
      result[key] = value
      if !take(",") {
        guard take("}") else { return nil }
        break
      }
    }
    skipSpace()
    return position == bytes.count ? result : nil
  }

  private mutating func value() -> Value? {
    if take("True") { return .bool(true) }
    if take("False") { return .bool(false) }
    if take("(") { return tuple().map(Value.tuple) }
    return text().map(Value.text)
  }

  private mutating func tuple() -> [Int]? {
    var numbers: [Int] = []
    while !take(")") {
      skipSpace()
      let digits = bytes[position...].prefix { (0x30...0x39).contains($0) }
      guard let number = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
      position += digits.count
      numbers.append(number)
      if !take(",") {
        guard take(")") else { return nil }
        break
      }
    }
    return numbers
  }

  private mutating func text() -> String? {
    guard take("'") else { return nil }
    let content = bytes[position...].prefix { $0 != UInt8(ascii: "'") }
    position += content.count
    guard take("'") else { return nil }
    return String(decoding: content, as: UTF8.self)
  }

  private mutating func take(_ token: String) -> Bool {
    skipSpace()
    guard bytes[position...].starts(with: token.utf8) else { return false }
    position += token.utf8.count
    return true
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x0A, 0x09].contains(bytes[position]) { position += 1 }
  }
}
