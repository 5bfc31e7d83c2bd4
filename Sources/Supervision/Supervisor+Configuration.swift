// The supervisor's dealings with its configuration: reading it anew while it runs.

import DurableIO
import Logging
import Spool
import StrictJSON

/// Where a daemon's configuration comes from.
public struct ConfigurationSource: Sendable {
  /// The file that people are told of.
  public let file: String
  /// Reads all of it.
  public let read: @Sendable () throws(ConfigurationError) -> Configuration

  /// A source named `file`.
  public init(
    file: String, read: @escaping @Sendable () throws(ConfigurationError) -> Configuration
  ) {
    self.file = file
    self.read = read
  }
}

extension Supervisor {
  /// Reads the configuration and does from now on what it says: wholly, or if anything is wrong
  /// with it not at all.
  ///
  /// - policy: What has been decided so far.
  func reload(_ policy: SchedulingPolicy) -> [Event] {
    guard let source = setup.source else { return [.reloaded(policy)] }
    var report = ReloadReport(file: source.file, readAt: ReloadReport.now())
    var policy = policy
    do throws(ConfigurationError) {
      let new = try source.read()
      report.changes = new.changes(from: setup.configuration)
      setup.configuration = new
      setup.log.logLevel = new.logLevel
      policy.adopt(new)
      admission.policy.authority = CommandAuthority(administrators: new.adminGroup)
      let changes = report.changes.isEmpty ? "no change" : report.changes.joined(separator: "; ")
      setup.log.notice("the configuration was read again: \(changes)")
    } catch {
      report.problems = error.problems
      setup.log.error("\(error)\nthe configuration is wrong; all stays as it was")
    }
    publish(report)
    return [.reloaded(policy)]
  }

  /// Lets whoever waits for it know what became of the configuration.
  func publish(_ report: ReloadReport) {
    do {
      try AtomicFile.write(
        report.json.serialized() + "\n", to: setup.layout.configuration, synced: false)
    } catch {
      setup.log.warning("ddpmctl reload gets no answer: \(error)")
    }
  }
}
