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
@discardableResult
public func writeSafetensors(
  to path: String, tensors: [SafetensorsTensor], metadata: [String: String] = [:]
) throws(TensorFileError) -> String {
  let tensors = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  do {
    var file = try HashedFile(path)
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

/// The header's length, the header and its padding.
private func header(_ tensors: [SafetensorsTensor], metadata: [String: String]) -> [UInt8] {
  var object = JSONObject()
  if !metadata.isEmpty {
    let sorted = metadata.sorted { $0.key < $1.key }
    object["__metadata__"] = .object(JSONObject(sorted.map { ($0.key, .string($0.value)) }))
  }
  var offset = 0
  for tensor in tensors {
    precondition(object[tensor.name] == nil, "two tensors are called \(tensor.name)")
    let end = offset + tensor.shape.reduce(4, *)
    object[tensor.name] = [
      "dtype": "F32",
      "shape": .array(tensor.shape.map { .integer($0) }),
      "data_offsets": [.integer(offset), .integer(end)],
    ]
    offset = end
  }
  var text = Array(JSONValue.object(object).serialized().utf8)
  text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
  return unsafe withUnsafeBytes(of: UInt64(text.count).littleEndian) { unsafe Array($0) } + text
}
