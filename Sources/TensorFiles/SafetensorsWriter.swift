/// Writing safetensors files, byte for byte as the Python library lays them out: `__metadata__`
/// first, tensors sorted by name, the header padded with spaces to a multiple of 8 bytes.
///
/// The file appears whole or not at all, and durably (`AtomicFile`). One tensor at a time is in
/// memory.

internal import DurableIO
internal import StrictJSON

/// One float32 tensor to write.
@safe public struct SafetensorsTensor {
  let name: String
  let shape: [Int]
  let fill: (UnsafeMutableBufferPointer<Float>) -> Void

  /// A tensor whose elements `fill` writes, in C order, into a buffer of their number.
  public init(
    name: String, shape: [Int], fill: @escaping (UnsafeMutableBufferPointer<Float>) -> Void
  ) {
    self.name = name
    self.shape = shape
    unsafe self.fill = fill
  }
}

/// Writes `tensors`, whose names are unique, to `path`; returns the SHA-256 of the file in hex.
///
/// - synced: false gives up durability, not wholeness.
@discardableResult
public func writeSafetensors(
  to path: String, tensors: [SafetensorsTensor], metadata: [String: String] = [:],
  synced: Bool = true
) throws(TensorFileError) -> String {
  precondition(Set(tensors.map(\.name)).count == tensors.count, "two tensors have one name")
  let tensors = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  do {
    var file = try HashedFile(path, synced: synced)
    try file.write(header(tensors, metadata: metadata))
    for tensor in tensors {
      let values = UnsafeMutableBufferPointer<Float>.allocate(
        capacity: tensor.shape.reduce(1, *))
      defer { unsafe values.deallocate() }
      unsafe values.initialize(repeating: 0)
      unsafe tensor.fill(values)
      try unsafe file.write(UnsafeRawBufferPointer(values))
    }
    return try file.publish()
  } catch {
    throw .system(error)
  }
}

/// The header's length, the header, without spaces between its tokens, and its padding.
private func header(_ tensors: [SafetensorsTensor], metadata: [String: String]) -> [UInt8] {
  func quoted(_ text: String) -> String { JSONValue.string(text).serialized() }
  var members: [String] = []
  if !metadata.isEmpty {
    let strings = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0)):\(quoted($1))" }
    members.append("\"__metadata__\":{\(strings.joined(separator: ","))}")
  }
  var offset = 0
  for tensor in tensors {
    let end = offset + tensor.shape.reduce(4, *)
    let shape = tensor.shape.map(String.init).joined(separator: ",")
    members.append(
      "\(quoted(tensor.name)):{\"dtype\":\"F32\",\"shape\":[\(shape)],"
        + "\"data_offsets\":[\(offset),\(end)]}")
    offset = end
  }
  var text = Array("{\(members.joined(separator: ","))}".utf8)
  text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
  return unsafe withUnsafeBytes(of: UInt64(text.count).littleEndian) { unsafe Array($0) } + text
}
