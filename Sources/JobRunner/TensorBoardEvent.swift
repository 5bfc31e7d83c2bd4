/// One event of a TensorBoard file, in the wire format of protocol buffers: the few fields that are
/// used of TensorFlow's `event.proto` and `summary.proto`.

import Glibc

struct TensorBoardEvent {
  enum Content {
    /// What a file begins with.
    case version
    case scalars([(tag: String, value: Double)])
    case image(tag: String, png: [UInt8], height: Int, width: Int, channels: Int)
  }

  let step: Int
  let content: Content

  /// The message, with the time of now.
  var bytes: [UInt8] {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    var event = Message()
    event.add(1, Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)
    event.add(2, step)
    switch content {
    case .version: event.add(3, Array("brain.Event:2".utf8))
    case .scalars(let scalars):
      var summary = Message()
      for scalar in scalars {
        var value = Message()
        value.add(1, Array(scalar.tag.utf8))
        value.add(2, Float(scalar.value))
        summary.add(1, value.bytes)
      }
      event.add(5, summary.bytes)
    case .image(let tag, let png, let height, let width, let channels):
      var image = Message()
      image.add(1, height)
      image.add(2, width)
      image.add(3, channels)
      image.add(4, png)
      var value = Message()
      value.add(1, Array(tag.utf8))
      value.add(4, image.bytes)
      var summary = Message()
      summary.add(1, value.bytes)
      event.add(5, summary.bytes)
    }
    return event.bytes
  }

  /// What tells events apart, read back: the step, and the first tag if there is one; nil for bytes
  /// that are no event.
  static func identity(of bytes: ArraySlice<UInt8>) -> (step: Int, tag: String?)? {
    guard let event = Message.fields(bytes) else { return nil }
    let tag = event.payloads[5].flatMap(Message.fields)?.payloads[1]
      .flatMap(Message.fields)?.payloads[1].map { String(decoding: $0, as: UTF8.self) }
    return (Int(truncatingIfNeeded: event.numbers[2] ?? 0), tag)
  }
}

/// A message of protocol buffers in the making.
private struct Message {
  private(set) var bytes: [UInt8] = []

  mutating func add(_ field: Int, _ value: Int) {
    varint(UInt64(field) << 3)
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func add(_ field: Int, _ value: Double) {
    varint(UInt64(field) << 3 | 1)
    bytes += littleEndian(value.bitPattern)
  }

  mutating func add(_ field: Int, _ value: Float) {
    varint(UInt64(field) << 3 | 5)
    bytes += littleEndian(value.bitPattern)
  }

  mutating func add(_ field: Int, _ payload: [UInt8]) {
    varint(UInt64(field) << 3 | 2)
    varint(UInt64(payload.count))
    bytes += payload
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  /// The first varint and the first payload of each field; nil where the wire format is broken.
  static func fields(
    _ bytes: ArraySlice<UInt8>
  ) -> (numbers: [UInt64: UInt64], payloads: [UInt64: ArraySlice<UInt8>])? {
    var rest = bytes
    var (numbers, payloads): ([UInt64: UInt64], [UInt64: ArraySlice<UInt8>]) = ([:], [:])
    func varint() -> UInt64? {
      var (value, shift): (UInt64, UInt64) = (0, 0)
      while let byte = rest.popFirst(), shift < 64 {
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
        shift += 7
      }
      return nil
    }
    func take(_ count: UInt64) -> ArraySlice<UInt8>? {
      guard count <= UInt64(rest.count) else { return nil }
      defer { rest = rest.dropFirst(Int(count)) }
      return rest.prefix(Int(count))
    }
    while !rest.isEmpty {
      guard let key = varint() else { return nil }
      let field = key >> 3
      switch key & 7 {
      case 0:
        guard let value = varint() else { return nil }
        numbers[field] = numbers[field] ?? value
      case 1: guard take(8) != nil else { return nil }
      case 2:
        guard let count = varint(), let payload = take(count) else { return nil }
        payloads[field] = payloads[field] ?? payload
      case 5: guard take(4) != nil else { return nil }
      default: return nil
      }
    }
    return (numbers, payloads)
  }
}

/// The bytes of a number, the lowest first.
func littleEndian<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
  (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}
