internal import CZlib
internal import Glibc
internal import TensorFiles

/// Reads a gzip file from its beginning to its end, its checksums verified by zlib.
@safe final class GzipReader {
  private let path: String
  private let stream: gzFile

  /// Reads an open file, of which there is no other such reader.
  init(_ file: ByteFile) throws(TensorFileError) {
    path = file.path
    let descriptor = try file.duplicateDescriptor()
    guard let stream = unsafe gzdopen(descriptor, "rb") else {
      close(descriptor)
      throw .damaged(path: path, problem: "zlib cannot open it")
    }
    unsafe self.stream = stream
    unsafe gzbuffer(stream, 1 << 17)
  }

  deinit { unsafe gzclose(stream) }

  /// The next `count` bytes, or fewer at the end.
  func read(_ count: Int) throws(TensorFileError) -> [UInt8] {
    var failed = false
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        // gzread counts in 32 bits.
        let part = min(count - filled, 1 << 24)
        let n = unsafe gzread(stream, buffer.baseAddress.map { unsafe $0 + filled }, UInt32(part))
        failed = n < 0
        if n <= 0 { break }
        filled += Int(n)
      }
    }
    var code: Int32 = Z_OK
    let message = unsafe gzerror(stream, &code).map { unsafe String(cString: $0) } ?? ""
    // Z_BUF_ERROR: the file ended within a compressed block.
    guard !failed, code == Z_OK || code == Z_STREAM_END else {
      throw .damaged(path: path, problem: "its compressed data are bad: \(message)")
    }
    return bytes
  }

  /// The next `count` bytes.
  func read(exactly count: Int) throws(TensorFileError) -> [UInt8] {
    let bytes = try read(count)
    guard bytes.count == count else {
      throw .damaged(path: path, problem: "it ends \(count - bytes.count) bytes too soon")
    }
    return bytes
  }

  /// Checks that nothing follows, and with it the checksum.
  func expectEnd() throws(TensorFileError) {
    guard try read(1).isEmpty else {
      throw .damaged(path: path, problem: "it goes on after its last element")
    }
  }
}
