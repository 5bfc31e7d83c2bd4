import CLinux
import DurableIO
import Glibc
import Supervision

/// The programs under test.
struct Programs {
  /// Where all of them are.
  let folder: String
  var daemon: String { folder + "/ddpmd" }
  var worker: String { folder + "/ddpm-worker" }
  var control: String { folder + "/ddpmctl" }
}

/// A program that was started here, or that fell to this process when its parent died: the worker
/// of a daemon that was killed.
struct ChildProcess {
  let id: pid_t

  /// Starts `program`; what it says on standard error goes to the end of the file `log`.
  init(_ program: String, _ arguments: [String], log: String) throws {
    let sink = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(sink) }
    id = try spawn(
      SpawnRequest(
        executable: program, arguments: arguments, environment: ["LC_ALL=C"], directory: "/",
        log: log),
      input: sink, output: sink)
  }

  /// A child that is there already.
  private init(id: pid_t) { self.id = id }

  func send(_ signal: Int32) { _ = kill(id, signal) }

  /// Waits for its end and reaps it; nil if that does not come, with time for the slowest machine: in
  /// so many waits, so that time during which this process and its children are stopped does not count.
  func wait(atMost limit: Duration = .seconds(600)) throws -> WorkerEnd? {
    let handle = pidfd_open(id, 0)
    guard handle >= 0 else {
      throw SystemError(operation: "watch", path: "process \(id)", code: errno)
    }
    defer { close(handle) }
    let waits = Int(limit / .milliseconds(100))
    guard (0..<waits).contains(where: { _ in poll([handle], until: .now + .milliseconds(100))[0] })
    else { return nil }
    var status: Int32 = 0
    guard unsafe waitpid(id, &status, 0) == id else {
      throw SystemError(operation: "reap", path: "process \(id)", code: errno)
    }
    return WorkerEnd(waitStatus: status)
  }

  /// Has the orphans of this process's children become its own children.
  static func adoptOrphans() { _ = become_subreaper() }

  /// The children of `parent`, also those that have ended and are not reaped.
  static func children(of parent: pid_t = getpid()) throws -> [ChildProcess] {
    try Directory.names(in: "/proc").compactMap { Int32($0) }.filter { process in
      // `PID (NAME) STATE PARENT …`; a process may be gone meanwhile.
      guard let stat = try? readFile("/proc/\(process)/stat", limit: 1 << 16) else { return false }
      let text = String(decoding: stat, as: UTF8.self)
      let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
      return fields.count > 2 && Int32(fields[2]) == parent
    }.map { ChildProcess(id: $0) }
  }
}
