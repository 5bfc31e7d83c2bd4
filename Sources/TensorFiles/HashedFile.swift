internal import DurableIO

/// A file being written through `AtomicFile` and hashed on the way.
struct HashedFile: ~Copyable {
  private let file: AtomicFile
  private var hash = SHA256()

  init(_ path: String, synced: Bool = true) throws(SystemError) {
    file = try AtomicFile(path, synced: synced)
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    try unsafe file.write(bytes)
    unsafe hash.update(bytes)
  }

  mutating func write(_ bytes: [UInt8]) throws(SystemError) {
    try file.write(bytes)
    hash.update(bytes)
  }

  /// Puts the file in its place; returns its SHA-256 in hex.
  consuming func publish() throws(SystemError) -> String {
    try file.publish()
    return hash.finalize().hex
  }
}
