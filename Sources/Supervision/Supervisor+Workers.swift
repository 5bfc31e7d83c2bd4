// The supervisor's dealings with processes: its own workers, and those of an earlier daemon.

import CLinux
import DurableIO
import Glibc
import Jobs
import Logging
import Spool

extension Supervisor {
  /// Moves the entry to `running`, then starts the worker: a crash in between leaves a job that
  /// the next daemon runs again.
  func start(_ id: Int) -> [Event] {
    let directory = setup.layout.jobDirectory(id)
    do throws(SystemError) {
      guard let (state, found) = try queue.find(id), !state.isFinal else { return [vanished(id)] }
      guard try Directory.exists(directory.job) else {
        throw SystemError(operation: "find", path: directory.job, code: ENOENT)
      }
      var entry = found
      entry.notBefore = nil
      entry.reason = nil
      entry.after = []
      // What a crash kept from getting to `running` was counted then.
      if found.started == nil { entry.attempts += 1 }
      entry.started = .now()
      try queue.move(entry, from: state, to: .running)
      let threads = setup.configuration.mostThreads(processors: setup.processors)
      var arguments = [
        directory.path, "--threads", "\(threads)", "--share", "\(threadShares[id] ?? threads)",
      ]
      let ownLimit = scheduler.jobs[id]?.summary.memoryLimit
      if let limit = ownLimit ?? setup.configuration.memoryLimit {
        arguments += ["--memory-limit", "\(limit)"]
      }
      for root in setup.configuration.dataRoots ?? [] { arguments += ["--data-root", root] }
      let request = SpawnRequest(
        executable: setup.worker, arguments: arguments,
        environment: try workerEnvironment(), directory: directory.path, log: directory.log)
      runs[id] = Run(
        logStart: LogTail.size(of: directory.log), attempt: entry.attempts, started: .now())
      let worker = try WorkerProcess(request)
      workers[id] = worker
      append(.started, to: id, attempt: entry.attempts)
      say(
        .info, "job \(id) started: attempt \(entry.attempts), process \(worker.processID)",
        .started,
        job: id, attempt: entry.attempts, state: .running)
      return []
    } catch {
      let absence = (try? directory.absence(of: id, in: .queued)) ?? nil
      let reason = absence ?? error.description
      say(.error, "job \(id) cannot be started: \(reason)", .trouble, job: id)
      takeBackRun(id)
      return [.startFailed(id, reason: reason)]
    }
  }

  /// Has a run that did not begin not count. If that fails as well, it does.
  private func takeBackRun(_ id: Int) {
    runs[id] = nil
    guard let (state, found) = try? queue.find(id), found.started != nil else { return }
    var entry = found
    (entry.attempts, entry.started) = (found.attempts - 1, nil)
    try? queue.update(entry, in: state)
  }

  /// Passes on what the job's worker has said.
  func hear(_ id: Int) -> [Event] { events(workers[id]?.read() ?? [], of: id) }

  /// Sees the job's worker, which has ended, off.
  func reap(_ id: Int) -> [Event] {
    guard let worker = workers.removeValue(forKey: id) else { return [] }
    let (reports, end) = worker.end()
    let directory = setup.layout.jobDirectory(id)
    runs[id]?.ended = .now
    let report = WorkerReport(
      end: end, resultsPublished: (try? Directory.exists(directory.results)) ?? false,
      logLines: LogTail.lines(of: directory.log, from: runs[id]?.logStart ?? 0),
      ran: runs[id]?.duration ?? .zero)
    return events(reports, of: id) + [.exited(id, report)]
  }

  private func events(_ reports: [WorkerProcess.Report], of id: Int) -> [Event] {
    reports.compactMap { report in
      switch report {
      case .message(let message): return .message(id, message)
      case .nonsense(let line):
        say(
          .warning, "the worker of job \(id) says what makes no sense, for example: \(line)",
          job: id)
        return nil
      }
    }
  }

  func stopWorker(_ id: Int) {
    say(.info, "asking the worker of job \(id) to stop", job: id)
    workers[id]?.stop()
  }

  func killWorker(_ id: Int) {
    say(.warning, "the worker of job \(id) does not stop and is killed", .killed, job: id)
    workers[id]?.killGroup()
  }

  /// Asks the earlier worker to stop and watches it.
  func stopOrphan(_ id: Int) -> [Event] {
    holder(id).map { _ = kill($0, SIGTERM) }
    return lookAtOrphan(id)
  }

  func killOrphan(_ id: Int) {
    say(.warning, "the earlier worker of job \(id) does not stop and is killed", .killed, job: id)
    holder(id).map {
      kill(-$0, SIGKILL)
      kill($0, SIGKILL)
    }
  }

  /// Looks whether the earlier worker is gone, which the lock knows and nothing else; if it is
  /// not, has its end wake the daemon, or looks again a second later.
  func lookAtOrphan(_ id: Int) -> [Event] {
    orphans[id] = nil
    do {
      guard try FileLock.isHeld(setup.layout.jobDirectory(id).lock) else {
        runs[id]?.ended = .now
        return [
          .orphanGone(
            id, ran: runs[id]?.duration ?? .zero,
            resultsPublished: try Directory.exists(setup.layout.jobDirectory(id).results))
        ]
      }
      orphans[id] = holder(id).flatMap { Orphan(processID: $0) }
      if runs[id] == nil { runs[id] = try orphanRun(id) }
    } catch {
      say(.warning, "\(error)")
    }
    if orphans[id] == nil { timers.start(.orphan(id), after: .seconds(1)) }
    return []
  }

  /// The run of an earlier worker that is alive, as long as its process.
  private func orphanRun(_ id: Int) throws(SystemError) -> Run? {
    guard let entry = try queue.entry(id, in: .running), let started = entry.started else {
      return nil
    }
    var run = Run(logStart: 0, attempt: entry.attempts, started: started)
    let sinceStart = Timestamp.now().milliseconds - started.milliseconds
    run.began =
      .now - (holder(id).flatMap { processAge($0) } ?? .milliseconds(max(sinceStart, 0)))
    return run
  }

  /// The process that holds the job's lock, by the kernel's word and the lock file's.
  private func holder(_ id: Int) -> Int32? {
    let holder = try? FileLock.holder(setup.layout.jobDirectory(id).lock)
    return holder.flatMap { $0 > 1 && $0 != getpid() ? $0 : nil }
  }

  /// The daemon's environment but for what systemd says to the daemon alone.
  private func workerEnvironment() throws(SystemError) -> [String] {
    let ours = ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "JOURNAL_STREAM"]
    return try readFile("/proc/self/environ").split(separator: 0).map {
      String(decoding: $0, as: UTF8.self)
    }.filter { variable in !ours.contains { variable.hasPrefix($0 + "=") } }
  }
}

/// The worker of an earlier daemon: not our child, but its end can be waited for.
final class Orphan {
  /// Readable when the process has ended (pidfd_open(2)).
  let descriptor: Int32

  /// Nil if there is no such process any more.
  init?(processID: Int32) {
    descriptor = pidfd_open(processID, 0)
    if descriptor < 0 { return nil }
  }

  deinit { close(descriptor) }
}
