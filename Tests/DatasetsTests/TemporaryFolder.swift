import DurableIO
import Glibc

/// A fresh folder that goes away when the object does.
final class TemporaryFolder {
  let path: String

  init() throws {
    let base = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    path = base + "/ddpmd-test-" + String(UInt64.random(in: .min ... .max), radix: 36)
    try Directory.create(path)
  }

  deinit { try? Directory.removeTree(path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }
}
