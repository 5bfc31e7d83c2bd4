// The supervisor's dealings with processes: its own workers, and those of an earlier daemon.

import Dispatch
import DurableIO
import Glibc
import Jobs
import Logging
import Spool

extension Supervisor {
  /// Moves the entry to `running`, then starts the worker: a crash in between leaves a job that
  /// the next daemon runs again.
  func start(_ id: Int) async -> [Event] {
    let directory = setup.layout.jobDirectory(id)
    do {
      guard let (state, found) = try queue.find(id), !state.isFinal else { return [vanished(id)] }
      var entry = found
      entry.notBefore = nil
      entry.reason = nil
      try queue.move(entry, from: state, to: .running)
      let request = SpawnRequest(
        executable: setup.worker,
        arguments: [directory.path, "--threads", "\(setup.threads)"],
        environment: try workerEnvironment(), directory: directory.path, log: directory.log)
      let logStart = LogTail.size(of: directory.log)
      let (log, post) = (setup.log, post)
      let worker = try await WorkerProcess.start(request) { report in
        switch report {
        case .message(let message): post(.message(id, message))
        case .nonsense(let line):
          log.warning("the worker of job \(id) says what makes no sense, for example: \(line)")
        case .ended(let end):
          let report = WorkerReport(
            end: end, resultsPublished: (try? Directory.exists(directory.results)) ?? false,
            logLines: LogTail.lines(of: directory.log, from: logStart))
          post(.exited(id, report))
        }
      }
      workers[id] = worker
      append(.started, to: id, attempt: entry.attempt)
      setup.log.info("job \(id) started: attempt \(entry.attempt), process \(worker.processID)")
      return []
    } catch {
      setup.log.error("job \(id) cannot be started: \(error)")
      return [.startFailed(id, reason: error.description)]
    }
  }

  func stopWorker(_ id: Int) {
    setup.log.info("asking the worker of job \(id) to stop")
    workers[id]?.stop()
  }

  func killWorker(_ id: Int) {
    setup.log.warning("the worker of job \(id) does not stop and is killed")
    workers[id]?.killGroup()
  }

  func stopOrphan(_ id: Int) {
    let lock = setup.layout.jobDirectory(id).lock
    signalHolder(of: lock) { kill($0, SIGTERM) }
    let post = post
    // The kernel wakes this thread when the lock's holder lets go or dies.
    DispatchQueue(label: "orphan").async {
      while true {
        do {
          try FileLock.wait(lock).release()
          break
        } catch {
          sleep(1)
        }
      }
      post(.orphanGone(id))
    }
  }

  func killOrphan(_ id: Int) {
    setup.log.warning("the earlier worker of job \(id) does not stop and is killed")
    signalHolder(of: setup.layout.jobDirectory(id).lock) {
      kill(-$0, SIGKILL)
      kill($0, SIGKILL)
    }
  }

  /// Calls `body` with the process id of the lock's holder, as long as the kernel says it is held.
  private func signalHolder(of lock: String, _ body: (Int32) -> Void) {
    do {
      guard let holder = try FileLock.holder(lock), holder > 1, holder != getpid() else { return }
      body(holder)
    } catch {
      setup.log.warning("\(error)")
    }
  }

  /// The daemon's environment but for what systemd says to the daemon alone.
  private func workerEnvironment() throws(SystemError) -> [String] {
    let ours = ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "JOURNAL_STREAM"]
    return try readFile("/proc/self/environ").split(separator: 0).map {
      String(decoding: $0, as: UTF8.self)
    }.filter { variable in !ours.contains { variable.hasPrefix($0 + "=") } }
  }
}
