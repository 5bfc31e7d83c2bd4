import DurableIO
import Glibc

/// A fresh folder that goes away when the object does.
public final class TemporaryFolder: Sendable {
  /// Where it is.
  public let path: String

  /// Makes the folder.
  ///
  /// - inMemory: puts it into memory where possible: tests that try thousands of states of a disk
  ///   need not wait for one.
  public init(inMemory: Bool = false) throws {
    let temporary = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    let base = unsafe inMemory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : temporary
    path = base + "/ddpmd-test-" + String(UInt64.random(in: .min ... .max), radix: 36)
    try Directory.create(path)
  }

  deinit { try? Directory.removeTree(path) }

  /// The path of `name` in it.
  public func callAsFunction(_ name: String) -> String { path + "/" + name }
}

/// Calls `body` with the path of a new folder, which is removed afterwards.
public func inTemporaryFolder(_ body: (String) throws -> Void) throws {
  let folder = try TemporaryFolder()
  try body(folder.path)
}
