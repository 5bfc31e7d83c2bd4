/// What TensorBoard shows of a training run: a file of TFRecords in `jobs/ID/tensorboard/NAME/`.
///
///     length: UInt64 · masked CRC-32C of it · event · masked CRC-32C of the event
///
/// **Promises.** Each series has each of its steps once, in order. Opening drops, as the other logs do,
/// what is behind the checkpoint that the run continues from; what is done anew is then written to
/// where it was, in as many bytes, so that a TensorBoard that is watching reads on. The file is a copy:
/// whatever is missing or damaged is cut off and comes again from `metrics.jsonl`, `heldout.jsonl` and
/// the previews, for each of these adds all that it has; so it needs no syncing, and a job whose run
/// began without the file gets the whole of it.

import DurableIO
import Glibc
import Images

final class TensorBoardLog {
  /// Values that are added together; a tag is `train/loss`.
  enum Series: String, CaseIterable {
    case train
    case heldOut = "held_out"
    case previews
  }

  private static let fileName = "events.out.tfevents.0.ddpmd"

  private let file: OpenFile
  /// Bytes in whole records.
  private var size: Int
  /// The last step of each series.
  private var last: [Series: Int] = [:]
  /// A failed write may have left part of a record behind `size`.
  private var isTorn = false

  /// Opens the file in the folder `folder`, made where missing, for a run that continues after `step`.
  init(_ folder: String, after step: Int) throws(SystemError) {
    try Directory.create(folder)
    file = try OpenFile(
      "\(folder)/\(Self.fileName)", flags: O_RDWR | O_CREAT | O_APPEND)
    let bytes = try file.readAll(limit: .max - 1)
    size = 0
    while let event = Self.record(bytes[size...]),
      let (number, tag) = TensorBoardEvent.identity(of: event),
      number <= step
    {
      if let series = tag.flatMap({ Series(rawValue: String($0.prefix { $0 != "/" })) }) {
        last[series] = number
      }
      size = event.endIndex + 4
    }
    if size < bytes.count { try file.truncate(to: size) }
    if size == 0 { try write(TensorBoardEvent(step: 0, content: .version)) }
  }

  /// Whether the series has gone as far as this step.
  func has(_ series: Series, step: Int) -> Bool { step <= last[series] ?? 0 }

  /// Adds values of a step, unless they are there.
  func add(
    _ series: Series, step: Int, _ values: [(name: String, value: Double)]
  ) throws(SystemError) {
    let scalars = values.map { (tag: "\(series.rawValue)/\($0.name)", value: $0.value) }
    try add(series, step: step, .scalars(scalars))
  }

  /// Adds the picture of a step, unless it is there; one that cannot be read is left out.
  func add(preview png: [UInt8], step: Int) throws(SystemError) {
    guard let image = try? decodePNG(png) else { return }
    try add(
      .previews, step: step,
      .image(
        tag: "\(Series.previews.rawValue)/samples", png: png, height: image.height,
        width: image.width, channels: image.channels))
  }

  private func add(
    _ series: Series, step: Int, _ content: TensorBoardEvent.Content
  ) throws(SystemError) {
    if has(series, step: step) { return }
    try write(TensorBoardEvent(step: step, content: content))
    last[series] = step
  }

  private func write(_ event: TensorBoardEvent) throws(SystemError) {
    let bytes = event.bytes
    let length = littleEndian(UInt64(bytes.count))
    let record =
      length + littleEndian(Self.masked(length)) + bytes + littleEndian(Self.masked(bytes))
    if isTorn { try file.truncate(to: size) }
    isTorn = true
    try file.write(record)
    isTorn = false
    size += record.count
  }

  /// The event of the record that `bytes` begin with; nil if it is not whole and sound.
  private static func record(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
      bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    let length = bytes.prefix(8)
    guard bytes.count >= 16, number(bytes.dropFirst(8).prefix(4)) == UInt64(masked(length)),
      let count = Int(exactly: number(length)), count <= bytes.count - 16
    else { return nil }
    let event = bytes.dropFirst(12).prefix(count)
    let checksum = bytes.dropFirst(12 + count).prefix(4)
    return number(checksum) == UInt64(masked(event)) ? event : nil
  }

  /// The checksum as TFRecord stores it, so that records in records do not check themselves.
  private static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let crc = CRC32C.checksum(bytes)
    return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
  }
}
