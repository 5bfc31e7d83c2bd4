import DurableIO
import Glibc

/// Calls `body` with the path of a new folder, which is removed afterwards.
func inTemporaryFolder(_ body: (String) throws -> Void) throws {
  let folder = "/tmp/ddpm-test-\(getpid())-\(UInt64.random(in: .min ... .max))"
  try Directory.create(folder)
  defer { try? Directory.removeTree(folder) }
  try body(folder)
}
