/// How a cycle ends.
enum Ending: String, CaseIterable {
  /// SIGKILL for the daemon; its workers are told by the kernel.
  case daemonKilled = "daemon killed"
  /// SIGKILL for one worker; the daemon lives on.
  case workerKilled = "worker killed"
  /// SIGKILL for daemon and workers, as when the machine dies.
  case bothKilled = "both killed"
  /// SIGTERM for the daemon, and its orderly end.
  case stopped = "stopped"
  /// SIGTERM for the daemon, and SIGKILL while it waits for its workers.
  case killedWhileStopping = "killed while stopping"

  static let weights: [(value: Ending, weight: Int)] = [
    (.daemonKilled, 30), (.workerKilled, 20), (.bothKilled, 30), (.stopped, 10),
    (.killedWhileStopping, 10),
  ]
}

/// When it ends.
enum Moment: String, CaseIterable {
  /// In the daemon's first milliseconds, which are those of recovery.
  case recovery
  /// Any time in its first third of a second.
  case early
  /// Later, when workers have come far.
  case late
  /// Just after something moves in `drop/` or `claim/`, or a job's folder or key is made.
  case admission
  /// Just after a queue entry moves or is written.
  case transition
  /// Just after a file of a checkpoint is made or moved.
  case checkpoint
  /// Just after a file of the results is made or moved, or the results themselves.
  case publication
  /// Just after a job's entry has left the queue for good.
  case removal
  /// Just after the daemon has said what became of its configuration.
  case reload

  static let weights: [(value: Moment, weight: Int)] = [
    (.recovery, 20), (.early, 15), (.late, 10), (.admission, 10), (.transition, 15),
    (.checkpoint, 15), (.publication, 15), (.removal, 5), (.reload, 5),
  ]

  /// Whether the moment is that of a change at `path`, below the spool's root.
  func isThat(of path: String) -> Bool {
    func has(_ parts: String...) -> Bool { parts.contains { path.contains($0) } }
    return switch self {
    case .recovery, .early, .late: false
    case .admission:
      has("/drop/", "/claim/", "/receipts/", "/keys/", ".job.json", ".events.jsonl")
    case .transition: has("/queue/")
    case .checkpoint: has("/checkpoints/")
    case .publication: has("/results") && !has("/previews", "loss.png")
    case .removal: has("/removing/")
    case .reload: has("/lib/configuration", "/lib/.configuration")
    }
  }
}
