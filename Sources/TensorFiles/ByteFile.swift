/// Reading a regular file at any position, from any thread.
///
/// The size is that of the moment of opening; a file that has become shorter since is an error.

internal import DurableIO
internal import Glibc
package import GuardedFiles

/// A regular file open for reading.
package final class ByteFile: Sendable {
  package let path: String
  package let size: Int
  private let file: OpenFile

  /// Opens a file.
  ///
  /// - access: what may be read.
  package init(
    path: String, access: FileAccess = .ofThisProcess
  ) throws(TensorFileError) {
    self.path = path
    do {
      file = try access.file(path)
      size = try file.status().size
    } catch {
      throw .system(error)
    }
  }

  /// A file on disk that has no name and vanishes with the object: `body` appends its content.
  ///
  /// It lies in the folder `TMPDIR` names, or in /var/tmp, which unlike /tmp is not in memory.
  package init(
    unnamed body: (_ append: ([UInt8]) throws(TensorFileError) -> Void) throws(TensorFileError) ->
      Void
  ) throws(TensorFileError) {
    let folder = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/var/tmp"
    path = "\(folder)/ddpm-\(String(UInt64.random(in: .min ... .max), radix: 36)).tmp"
    do throws(SystemError) {
      file = try OpenFile(path, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
      try Directory.remove(path)
    } catch {
      throw .system(error)
    }
    let file = file
    var size = 0
    try body { bytes throws(TensorFileError) in
      do throws(SystemError) {
        try file.write(bytes)
      } catch {
        throw .system(error)
      }
      size += bytes.count
    }
    self.size = size
  }

  /// A descriptor of the file, to be closed by the caller.
  package func duplicateDescriptor() throws(TensorFileError) -> Int32 {
    let descriptor = fcntl(file.descriptor, F_DUPFD_CLOEXEC, 0)
    guard descriptor >= 0 else {
      throw .system(SystemError(operation: "open", path: path, code: errno))
    }
    return descriptor
  }

  /// Fills `buffer` with the bytes from `offset` on.
  package func read(
    at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(TensorFileError) {
    let count: Int
    do {
      count = try unsafe file.read(into: buffer, at: offset)
    } catch {
      throw .system(error)
    }
    guard count == buffer.count else {
      throw .damaged(
        path: path,
        problem: "it ends after \(offset + count) bytes; \(offset + buffer.count) are needed")
    }
  }

  /// The `count` bytes from `offset` on.
  package func bytes(at offset: Int, count: Int) throws(TensorFileError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try unsafe bytes.withUnsafeMutableBufferPointer { buffer throws(TensorFileError) in
      try unsafe read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
    }
    return bytes
  }
}
