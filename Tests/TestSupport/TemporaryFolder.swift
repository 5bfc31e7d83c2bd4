import DurableIO
import Glibc

/// A fresh folder that goes away when the object does.
public final class TemporaryFolder: Sendable {
  /// Where it is.
  public let path: String

  /// Makes the folder.
  public init() throws {
    let base = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
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
