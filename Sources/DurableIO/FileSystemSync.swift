import CLinux
import Glibc

/// Makes many files durable at once: cheaper than one sync for each, which may then be written with
/// `synced: false`.
///
/// To be made before the first of them is written, or a failure of the disk in between would be
/// reported to nobody.
public struct FileSystemSync {
  private let file: OpenFile

  /// Begins to listen for failures of the file system that has the directory `path`.
  public init(_ path: String) throws(SystemError) {
    file = try OpenFile(path, flags: O_RDONLY | O_DIRECTORY)
  }

  /// The same of the file system that has `file`.
  public init(of file: OpenFile) { self.file = file }

  /// Returns when all that was written to the file system is on the disk.
  public func finish(
    _ source: StaticString = #fileID, _ line: Int = #line
  ) throws(SystemError) {
    try Syscalls.call(
      FileCall(
        operation: "sync the file system of", path: file.path, site: "\(source):\(line)")
    ) { syncfs(file.descriptor) }
  }
}
