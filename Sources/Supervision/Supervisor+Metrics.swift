// The supervisor's metrics: a file for node-exporter and a socket, as configured. Where neither is,
// nothing is done for them; and an idle daemon is not woken for them.

import DurableIO
import Jobs
import Logging
import Spool

/// What the supervisor remembers for its metrics.
struct MetricsExport {
  /// What has been counted so far, and what holds.
  var metrics = Metrics()
  /// Counted when it is asked for, and again when a job has moved.
  var endedJobs: [JobState: Int]?
  /// What the metrics file says.
  var written: (path: String, metrics: Metrics)?
  /// The file is not written before.
  var next = ContinuousClock.now
  /// When the file is to be written; nil if it says what holds.
  var due: ContinuousClock.Instant?
  var server: MetricsServer?
  /// What keeps the metrics from being where the configuration has them.
  var socketTrouble, fileTrouble: String?

  var troubles: [String] { [socketTrouble, fileTrouble].compactMap { $0 } }
}

extension Supervisor {
  /// When the metrics need the daemon at the latest.
  var metricsDeadline: ContinuousClock.Instant? {
    [export.due, export.server?.deadline].compactMap { $0 }.min()
  }

  /// Listens where the configuration says.
  func openMetricsSocket() {
    let path = setup.configuration.metricsSocket
    if export.server?.path == path { return }
    // The old one removes its name before the new one takes what may be the same.
    export.server = nil
    let before = export.socketTrouble
    export.socketTrouble = nil
    do {
      export.server = try path.map { try MetricsServer($0) }
    } catch {
      let trouble = "\(error); there are no metrics at metrics_socket until a reload".printable
      export.socketTrouble = trouble
      say(.error, trouble, .trouble)
    }
    if export.socketTrouble != before { showProblem() }
  }

  /// What was found out about another file does not hold for one that is configured now.
  func forgetMetricsFile() {
    export.next = .now
    troubled.remove("metrics")
    showFileTrouble(nil)
  }

  private func showFileTrouble(_ trouble: String?) {
    if export.fileTrouble == trouble { return }
    export.fileTrouble = trouble
    showProblem()
  }

  /// Writes the metrics file if there is news, but not too often.
  func writeMetrics() {
    export.due = nil
    let path = setup.configuration.metricsFile
    if let old = export.written?.path, old != path { removeMetricsFile() }
    guard let path else { return }
    let now = currentMetrics()
    if export.written?.metrics == now { return }
    guard export.next <= .now else {
      export.due = export.next
      return
    }
    export.next = .now + setup.metricsInterval
    do {
      try AtomicFile.write(text(now), to: path, synced: false)
      export.written = (path, now)
      troubled.remove("metrics")
      showFileTrouble(nil)
    } catch {
      logOnce("\(error)", about: "metrics")
      showFileTrouble("\(error); there are no metrics in metrics_file".printable)
      export.due = export.next
    }
  }

  /// A daemon that has ended has no metrics; what was true once would be taken for what is.
  func closeMetrics() {
    export.server = nil
    removeMetricsFile()
  }

  private func removeMetricsFile() {
    guard let path = export.written?.path else { return }
    do {
      try Directory.remove(path)
    } catch {
      say(.warning, "\(error); it is out of date")
    }
    export.written = nil
    export.next = .now
  }

  /// All metrics in Prometheus' text format.
  func metricsText() -> String { text(currentMetrics()) }

  private func text(_ metrics: Metrics) -> String {
    metrics.families(machineMetrics(metrics)).map(\.text).joined()
  }

  private func currentMetrics() -> Metrics {
    var metrics = export.metrics
    let atWork = scheduler.jobs.atWork
    metrics.jobs = [
      .queued: scheduler.jobs.queuedCount, .held: scheduler.jobs.heldCount,
      .deferred: scheduler.jobs.deferred.count,
      // Those whose next state is just being written are in the state before.
      .running: atWork.count + scheduler.jobs.beingRecorded.count,
    ]
    metrics.running = atWork.map { job in
      let run = runs[job.summary.id]
      return Metrics.RunningJob(
        id: job.summary.id, kind: job.summary.kind, name: job.summary.name,
        attempt: run?.attempt, began: run?.started, progress: job.progress)
    }
    metrics.maxWorkers = setup.configuration.maxWorkers
    metrics.isPaused = scheduler.isPaused
    metrics.hasProblem = scheduler.problem != nil
    return metrics
  }

  private func machineMetrics(_ metrics: Metrics) -> MachineMetrics {
    var machine = MachineMetrics()
    if export.endedJobs == nil { export.endedJobs = countEndedJobs() }
    machine.endedJobs = export.endedJobs ?? [:]
    machine.freeState = try? Directory.freeSpace(at: setup.layout.state)
    machine.freeSpool = try? Directory.freeSpace(at: setup.layout.spool)
    for job in metrics.running {
      machine.checkpoints[job.id] = newestCheckpoint(setup.layout.jobDirectory(job.id).checkpoints)
    }
    return machine
  }

  /// Nil if that cannot be found out now.
  private func countEndedJobs() -> [JobState: Int]? {
    var counts: [JobState: Int] = [:]
    for state in JobState.allCases where state.isFinal {
      guard let ids = try? queue.ids(in: state) else { return nil }
      counts[state] = ids.count
    }
    return counts
  }

  /// When the newest file in `folder` that is whole was written.
  private func newestCheckpoint(_ folder: String) -> Double? {
    let names = (try? Directory.names(in: folder)) ?? []
    return names.filter { $0.first != "." }.compactMap { name in
      guard let status = try? FileStatus(ofLink: folder + "/" + name), status.kind == .regular
      else { return nil }
      return Double(status.modified.seconds) + Double(status.modified.nanoseconds) / 1e9
    }.max()
  }
}
