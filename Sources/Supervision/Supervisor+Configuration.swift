// The supervisor's dealings with its configuration: reading it anew while it runs.

import DurableIO
import Jobs
import Logging
import Spool
import StrictJSON

extension Supervisor {
  /// Reads the configuration and does from now on what it says: wholly, or if anything is wrong
  /// with it not at all.
  ///
  /// - policy: What has been decided so far.
  func reload(_ policy: SchedulingPolicy) -> [Event] {
    var report = ReloadReport(file: setup.source.file, readAt: ReloadReport.now())
    var policy = policy
    do throws(ConfigurationError) {
      let effective = try setup.source.read()
      let (old, new) = (setup.configuration, effective.configuration)
      report.changes = new.changes(from: old)
      report.notes = effective.overridden + lateChanges(old, new)
      setup.configuration = new
      setup.log.logLevel = new.logLevel
      openMetricsSocket()
      if new.metricsFile != old.metricsFile { forgetMetricsFile() }
      writeMetrics()
      export.metrics.configured = .now()
      export.metrics.isConfigured = true
      policy.adopt(new)
      admission.policy.adopt(new)
      let said = report.changes + report.notes
      // The journal has them already.
      report.notes += export.troubles
      let changes = said.isEmpty ? "no change" : said.joined(separator: "; ")
      say(.notice, "the configuration was read again: \(changes)", .reloaded)
    } catch {
      report.problems = error.problems
      export.metrics.isConfigured = false
      say(.error, "\(error)\nthe configuration is wrong; all stays as it was", .misconfigured)
    }
    publish(report)
    return [.reloaded(policy)]
  }

  /// What does not take effect at once.
  private func lateChanges(_ old: Configuration, _ new: Configuration) -> [String] {
    if workers.isEmpty { return [] }
    var notes: [String] = []
    let most = [old, new].map { $0.mostThreads(processors: setup.processors) }
    if most[0] < most[1] {
      notes.append("jobs that run have at most \(most[0]) thread(s) until they are started again")
    }
    if old.memoryLimit != new.memoryLimit {
      notes.append("jobs that run keep their memory_limit until they are started again")
    }
    if old.dataRoots != new.dataRoots {
      notes.append("jobs that run keep their data_roots until they are started again")
    }
    return notes
  }

  /// Lets whoever waits for it know what became of the configuration.
  func publish(_ report: ReloadReport) {
    do {
      try AtomicFile.write(
        report.json.serialized() + "\n", to: setup.layout.configuration, synced: false)
    } catch {
      say(.warning, "ddpmctl reload gets no answer: \(error)")
    }
  }
}
