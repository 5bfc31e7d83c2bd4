import DurableIO
import Glibc
import Spool
import Supervision

/// One life of ddpmd.
final class Daemon {
  private let process: ChildProcess
  private let layout: SpoolLayout
  /// The ends that it may come to after what was done to it.
  private var allowed: [WorkerEnd] = []

  /// Starts it on the spool below `root`.
  init(_ programs: Programs, root: String, configuration: String, log: String) throws {
    layout = SpoolLayout(root: root)
    process = try ChildProcess(
      programs.daemon,
      ["--root", root, "--config", configuration, "--worker", programs.worker], log: log)
  }

  var id: pid_t { process.id }

  /// Its workers now.
  func workers() throws -> [ChildProcess] { try ChildProcess.children(of: id) }

  /// Kills it; its workers become children of this process.
  func kill() throws {
    allowed.append(.killed(signal: SIGKILL))
    process.send(SIGKILL)
    try awaitEnd()
  }

  /// Asks it to stop: an order, once it serves the spool; before that, a signal that kills.
  func requestStop() throws {
    allowed = [.exited(code: 0)]
    if try FileLock.holder(layout.lock) != id { allowed.append(.killed(signal: SIGTERM)) }
    process.send(SIGTERM)
  }

  /// Waits for its end, which must be one that was asked for.
  func awaitEnd() throws {
    let end = try process.wait(atMost: .seconds(60))
    guard let end, allowed.contains(end) else {
      throw Violation(
        found: "ddpmd ends with \(String(reflecting: end))",
        expected: "one of \(String(reflecting: allowed))")
    }
  }
}
