import Spool

/// What the daemons' configuration file says, as far as it changes.
struct Settings: Equatable {
  var maxWorkers = 2
  /// Which ended jobs are removed.
  var retention = JobRemoval.Retention()

  /// The file. No number of kills is a job's own fault.
  var text: String {
    """
    threads = 1
    crash_limit = 1000
    max_workers = \(maxWorkers)
    purge_count = \(retention.count.map { "\($0)" } ?? "never")
    purge_age = \(age)

    """
  }

  /// What a daemon has to say when these come after `old`.
  func changes(from old: Settings) -> Set<String> {
    func change(_ key: String, _ value: (Settings) -> String) -> [String] {
      value(self) == value(old) ? [] : ["\(key) is \(value(self)), and was \(value(old))"]
    }
    return Set(
      change("max_workers") { "\($0.maxWorkers)" } + change("purge_age") { $0.age }
        + change("purge_count") { $0.retention.count.map { "\($0)" } ?? "never" })
  }

  private var age: String { retention.age.map { "\(Int($0 / .seconds(1))) s" } ?? "never" }
}
