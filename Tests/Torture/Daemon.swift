import DurableIO
import Glibc
import Jobs
import Spool
import Supervision

/// One life of ddpmd.
final class Daemon {
  private let process: ChildProcess
  private let layout: SpoolLayout
  /// The ends that it may come to after what was done to it.
  private var allowed: [WorkerEnd] = []
  /// What it does by what it has said; nil: unknown.
  private var settings: Settings?
  /// What it was asked to read, nil for a wrong file, and when.
  private var reload: (settings: Settings?, time: Int)?
  /// It may have had no more jobs running at the same time.
  private(set) var mostRunning: Int

  /// Starts it on the spool below `root`.
  ///
  /// - settings: those in the file `configuration`.
  /// - running: the jobs that an earlier one has left running.
  init(
    _ programs: Programs, root: String, configuration: String, _ settings: Settings, running: Int,
    log: String
  ) throws {
    layout = SpoolLayout(root: root)
    self.settings = settings
    mostRunning = max(running, settings.maxWorkers)
    process = try ChildProcess(
      programs.daemon,
      ["--root", root, "--config", configuration, "--worker", programs.worker], log: log)
  }

  var id: pid_t { process.id }

  /// Whether signals are orders to it.
  func isServing() throws -> Bool { try FileLock.holder(layout.lock) == id }

  /// Its workers now.
  func workers() throws -> [ChildProcess] { try ChildProcess.children(of: id) }

  // MARK: Reading the configuration again

  var awaitsReload: Bool { reload != nil }

  /// Asks it to read its configuration, which says `new`, or is wrong if that is nil.
  func requestReload(of new: Settings?) {
    reload = (new, ReloadReport.now())
    if let new { mostRunning = max(mostRunning, new.maxWorkers) }
    process.send(SIGHUP)
  }

  /// Takes note that it may have read either the settings of before, or `new`.
  func forgetSettings(_ new: Settings) {
    settings = nil
    mostRunning = max(mostRunning, new.maxWorkers)
  }

  /// Whether it has read its configuration since it was asked to.
  func hasReloaded() throws -> Bool {
    guard let reload, let report = try SpoolReader(layout).reloadReport() else { return false }
    return report.readAt >= reload.time
  }

  /// What it says of the configuration must be what was in the file.
  func judgeReload() throws {
    guard let (new, _) = reload, let report = try SpoolReader(layout).reloadReport() else { return }
    reload = nil
    let expected = settings.flatMap { old in new.map { $0.changes(from: old) } } ?? []
    guard report.problems.isEmpty == (new != nil),
      settings == nil && new != nil || Set(report.changes) == expected
    else {
      throw Violation(
        found: "a reload that says: changes \(report.changes), problems \(report.problems)",
        expected: new == nil ? "problems, and no change" : "no problem, and changes \(expected)")
    }
    guard let new else { return }
    settings = new
    try judgeRoom()
  }

  /// It runs no more jobs at the same time than it may; what ran before that were fewer goes on.
  func judgeRoom() throws {
    // While a folder is listed jobs come and go: those of both lists were there together.
    let ids = try JobQueue(layout).ids(in: .running)
    let running = Set(ids).intersection(try JobQueue(layout).ids(in: .running)).count
    guard running <= mostRunning else {
      throw Violation(
        found: "\(running) jobs run at the same time", expected: "\(mostRunning) at most")
    }
    if let settings, reload == nil { mostRunning = max(running, settings.maxWorkers) }
  }

  // MARK: Its end

  /// Kills it; its workers become children of this process.
  func kill() throws {
    allowed.append(.killed(signal: SIGKILL))
    process.send(SIGKILL)
    try awaitEnd()
  }

  /// Asks it to stop: an order, once it serves the spool; before that, a signal that kills.
  func requestStop() throws {
    allowed = [.exited(code: 0)]
    if try !isServing() { allowed.append(.killed(signal: SIGTERM)) }
    process.send(SIGTERM)
  }

  /// Waits for its end, which must be one that was asked for.
  func awaitEnd() throws {
    let end = try process.wait()
    guard let end, allowed.contains(end) else {
      throw Violation(
        found: "ddpmd ends with \(String(reflecting: end))",
        expected: "one of \(String(reflecting: allowed))")
    }
  }
}
