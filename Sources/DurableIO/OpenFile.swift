import Glibc

/// An open file, closed when the object goes. Not inherited by programs that are started.
public final class OpenFile: Sendable {
  /// The descriptor, for calls that this module does not have.
  public let descriptor: Int32
  /// The name it was opened under.
  public let path: String

  /// Opens `path` with the flags of open(2); `O_CLOEXEC` is added.
  public init(_ path: String, flags: Int32, mode: UInt32 = 0o644) throws(SystemError) {
    self.path = path
    descriptor = try Syscalls.call(
      FileCall(operation: "open", path: path, creates: flags & O_CREAT != 0)
    ) { unsafe open(path, flags | O_CLOEXEC, mode) }
  }

  /// Opens `path` for reading.
  public convenience init(reading path: String) throws(SystemError) {
    try self.init(path, flags: O_RDONLY)
  }

  /// Opens `name` as seen from the open folder `folder`, or from the working directory if nil.
  ///
  /// - path: what the file is called in errors.
  package convenience init(
    _ name: String, in folder: OpenFile?, flags: Int32, path: String
  ) throws(SystemError) {
    try self.init(Array(name.utf8CString), in: folder, flags: flags, path: path)
  }

  /// The same of a name that need not be UTF-8, with the zero at its end.
  init(
    _ name: [CChar], in folder: OpenFile?, flags: Int32, path: String
  ) throws(SystemError) {
    self.path = path
    descriptor = try Syscalls.call("open", path) {
      unsafe openat(folder?.descriptor ?? AT_FDCWD, name, flags | O_CLOEXEC)
    }
  }

  deinit { close(descriptor) }

  /// What the kernel knows of the file now.
  public func status() throws(SystemError) -> FileStatus {
    var status = stat()
    try Syscalls.call("examine", path) { unsafe fstat(descriptor, &status) }
    return FileStatus(status)
  }

  /// Fills `buffer` with the bytes from `offset` on; returns how many there were before the end.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int
  ) throws(SystemError) -> Int {
    var filled = 0
    while filled < buffer.count {
      let count = try Syscalls.call("read", path) {
        unsafe pread(
          descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled,
          offset + filled)
      }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  /// All bytes from the start, at most `limit`; a longer file fails with `EFBIG`.
  public func readAll(limit: Int) throws(SystemError) -> [UInt8] {
    let tooLong = SystemError(operation: "read", path: path, code: EFBIG)
    let size = try status().size
    if size > limit { throw tooLong }
    // One byte more than the file is said to have: a short read then proves its end. Files that
    // grow, and those of /proc that say they are empty, are read again with more room.
    var room = max(size, 4095) + 1
    while true {
      let bytes = try read(atMost: room)
      if bytes.count > limit { throw tooLong }
      if bytes.count < room { return bytes }
      room *= 2
    }
  }

  private func read(atMost count: Int) throws(SystemError) -> [UInt8] {
    var failure: SystemError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(SystemError) {
        initialized = try unsafe read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Writes all of `bytes` at the file's position.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    var rest = unsafe bytes
    while unsafe !rest.isEmpty {
      let count = try unsafe Syscalls.write(descriptor, path, rest)
      unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Writes all of `bytes` at the file's position.
  public func write(_ bytes: [UInt8]) throws(SystemError) {
    try unsafe bytes.withUnsafeBufferPointer { (bytes) throws(SystemError) in
      try unsafe write(UnsafeRawBufferPointer(bytes))
    }
  }

  /// Makes `bytes` the file's content, in place: takes no room where it had as much before.
  ///
  /// Not for what must survive a crash: see `AtomicFile`.
  public func overwrite(with bytes: [UInt8]) throws(SystemError) {
    try Syscalls.call("rewind", path) { lseek(descriptor, 0, SEEK_SET) }
    try write(bytes)
    try truncate(to: bytes.count)
  }

  /// Cuts the file to `size` bytes.
  public func truncate(to size: Int) throws(SystemError) {
    try Syscalls.call(
      FileCall(operation: "truncate", path: path, descriptor: descriptor, size: size)
    ) { ftruncate(descriptor, size) }
  }

  /// Returns when the file's content is on the disk.
  public func sync(_ file: StaticString = #fileID, _ line: Int = #line) throws(SystemError) {
    try Syscalls.call(
      FileCall(
        operation: "sync", path: path, descriptor: descriptor, site: "\(file):\(line)")
    ) { fsync(descriptor) }
  }
}

/// The whole content of the file at `path`.
///
/// Throws: `SystemError`, with `EFBIG` where the file is longer than `limit`.
public func readFile(_ path: String, limit: Int = 64 << 20) throws(SystemError) -> [UInt8] {
  try OpenFile(reading: path).readAll(limit: limit)
}

/// As `readFile`; nil if there is no such file.
public func readFileIfPresent(
  _ path: String, limit: Int = 64 << 20
) throws(SystemError) -> [UInt8]? {
  do {
    return try readFile(path, limit: limit)
  } catch {
    if error.isNotFound { return nil }
    throw error
  }
}
