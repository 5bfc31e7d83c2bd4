/// The readers that are fuzzed, and what must hold of what they read.

import Datasets
import DurableIO
import Glibc
import Images
import Jobs
import Spool
import StrictJSON
import TensorCore
import TensorFiles

enum Target: String, CaseIterable {
  case json, drop, envelope, state, safetensors, npy, idx, cifar, png, jpeg

  /// Reads `bytes`; refusing them is fine.
  func run(_ bytes: [UInt8]) {
    switch self {
    case .json: readJSON(bytes)
    case .drop: readDropFile(bytes)
    case .envelope: readEnvelope(bytes)
    case .state: readState(String(decoding: bytes, as: UTF8.self))
    case .safetensors: inFile(bytes, readSafetensors)
    case .npy: inFile(bytes) { readDataset($0, .npy) }
    case .idx: inFile(bytes) { readDataset($0, .idx) }
    case .cifar: inFile(bytes) { readDataset($0, .cifar10) }
    case .png, .jpeg: readImage(bytes)
    }
  }
}

/// What is read is written so that it reads the same.
private func readJSON(_ bytes: [UInt8]) {
  guard let value = try? JSONValue(parsing: bytes) else { return }
  for text in [value.serialized(), value.serialized(pretty: true)] {
    precondition((try? JSONValue(parsing: text)) == value, "written JSON reads differently")
  }
}

/// A job that is read is written as a job file that reads as the same job, and no proper prefix of
/// its text is a whole file.
private func readDropFile(_ bytes: [UInt8]) {
  guard let file = try? DropFile.parse(bytes) else { return }
  let cut = bytes.prefix(upTo: bytes.lastIndex(of: UInt8(ascii: "}")) ?? 0)
  precondition((try? DropFile.parse(Array(cut))) == nil, "half a file is taken for a whole one")
  guard case .job(let spec, _) = file else { return }
  let written = Array(spec.json.serialized().utf8)
  precondition((try? JobSpec.parse(written)) == spec, "a written job reads differently")
}

private func readEnvelope(_ bytes: [UInt8]) {
  guard let envelope = try? Envelope.parse(bytes) else { return }
  let written = Array(envelope.json.serialized().utf8)
  precondition((try? Envelope.parse(written)) == envelope, "a written envelope reads differently")
}

/// The small files of state, and the lines that come from workers.
private func readState(_ text: String) {
  let entry = QueueEntry(id: 1, content: Array(text.utf8), in: .queued)
  let written = QueueEntry(id: 1, content: Array(entry.json.serialized().utf8), in: .queued)
  precondition(written == entry, "a written queue entry reads differently")
  _ = JobEvent(line: text)
  _ = WorkerMessage(line: text)
  _ = try? Amendment(parsing: Array(text.utf8))
}

/// Every tensor that the header promises can be read.
private func readSafetensors(_ path: String) {
  guard let file = try? SafetensorsFile(path: path) else { return }
  for entry in file.entries {
    let buffer = FloatBuffer(count: entry.count)
    try? unsafe file.read(entry.name, into: buffer.all.elements)
  }
}

/// Every image that the header promises can be read, and has the size that was asked for.
private func readDataset(_ path: String, _ format: DatasetFormat) {
  guard
    let dataset = try? openDataset(
      path: path, format: format, size: 8, channels: 1,
      labels: format == .cifar10 ? LabelSource() : nil)
  else { return }
  var pixels = [UInt8](repeating: 0, count: 64)
  for index in [0, dataset.count / 2, dataset.count - 1] {
    try? unsafe pixels.withUnsafeMutableBufferPointer { try unsafe dataset.read(index, into: $0) }
  }
}

/// A decoded image is encoded as one that decodes to the same.
private func readImage(_ bytes: [UInt8]) {
  guard let image = try? decodeImage(bytes) else { return }
  precondition(
    image.pixels.count == image.height * image.width * image.channels, "pixels are missing")
  guard image.pixels.count < 1 << 16 else { return }
  precondition((try? decodePNG(encodePNG(image))) == image, "a written image reads differently")
}

/// Calls `body` with a file of these bytes, which lies in memory.
private func inFile(_ bytes: [UInt8], _ body: (String) -> Void) {
  let path = "/dev/shm/ddpm-fuzz-\(getpid())"
  let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
  defer { close(descriptor) }
  guard unsafe write(descriptor, bytes, bytes.count) == bytes.count else { return }
  body(path)
  unsafe unlink(path)
}
