import DurableIO
import Jobs
import Spool
import StrictJSON

/// The end of a round: the daemon finishes everything, and most of that goes; in the last one all.
extension Campaign {
  /// Lets the daemon finish everything, judges what must be true in the end, and has most jobs
  /// removed: by the daemons of the next round, which are killed.
  func finishRound() throws {
    try note("the round ends")
    try startDaemon()
    try awaitSettlement()
    try rest()
    try awaitHolds()
    if oracle.isPaused { try give(.resume) }
    for job in oracle.jobs where job.pending == nil && job.state?.isFinal == false {
      switch try state(of: job) {
      case .held: try give(.release, to: job)
      case .deferred: try give(.retry, to: job)
      default: break
      }
    }
    var new = settings
    new.maxWorkers = Int.random(in: 1...3, using: &dice)
    try reload(new)
    try awaitEnds()
    try finishTimedOut()
    // By a daemon that lives, more would be purged meanwhile.
    try stopDaemon()
    try oracle.judge()
    try oracle.judgeRemains()
    try startDaemon()
    try chooseRetention()
    if settings.retention != JobRemoval.Retention() { return }
    for job in oracle.jobs where dice.chance(0.8) && !oracle.isNeeded(job) {
      try give(.remove, to: job)
    }
  }

  /// Ends the campaign: everything is removed, and nothing may be left.
  func finish() throws {
    try finishRound()
    try awaitSettlement()
    try rest()
    for job in oracle.jobs { try give(.remove, to: job) }
    try wait("every job is removed") { try Directory.names(in: layout.jobs).isEmpty }
    try rest()
    try oracle.judgeEmptiness()
    try stopDaemon()
    let left = try ChildProcess.children()
    guard left.isEmpty else {
      throw Violation(
        found: "processes \(left.map(\.id)) are alive", expected: "none of the daemons' processes")
    }
  }

  /// Stops the daemon for a judgement, and starts the next.
  func rest() throws {
    try stopDaemon()
    try oracle.judge()
    try startDaemon()
  }

  /// Waits until every file in `drop/` has come to its end, and every removal.
  func awaitSettlement() throws {
    try wait("every file in drop/ and every removal is settled") {
      let snapshot = try Snapshot(layout)
      return snapshot.onTheirWay.isEmpty && snapshot.removing.isEmpty
    }
  }

  private func awaitHolds() throws {
    for job in oracle.jobs where job.isHeld && job.state?.isFinal == false {
      try wait("job \(job.id ?? 0) is held, as was asked") {
        try state(of: job).map { $0 == .held || $0.isFinal } ?? true
      }
    }
  }

  private func awaitEnds() throws {
    try wait("all jobs are over") {
      try daemon?.judgeRoom()
      return try oracle.jobs.allSatisfy { try state(of: $0)?.isFinal ?? oracle.isPurging }
    }
    let due = try oracle.dueJobs()
    try rest()
    try wait("the daemon that has started purges jobs \(due)") {
      try due.allSatisfy { try JobQueue(layout).state(of: $0) == nil }
    }
    try awaitSettlement()
    try rest()
  }

  /// Has the jobs that have timed out go on for as long again, and then without a limit, to the ends
  /// that they would have come to.
  private func finishTimedOut() throws {
    var timedOut: [TrackedJob] { oracle.jobs.filter { $0.entry?.timedOut == true && !$0.isGone } }
    if timedOut.isEmpty { return }
    try retry(timedOut)
    for job in timedOut {
      var json = job.content.json.object ?? [:]
      var queue = json["queue"]?.object ?? [:]
      queue["time_limit"] = nil
      json["queue"] = .object(queue)
      try give(.edit(to: json), to: job)
    }
    try awaitSettlement()
    try rest()
    try retry(timedOut)
    for job in timedOut {
      throw Violation(job: job.id, found: "it has timed out", expected: "it has no limit any more")
    }
  }

  private func retry(_ jobs: [TrackedJob]) throws {
    for job in jobs { try give(.retry, to: job) }
    try awaitSettlement()
    try awaitEnds()
  }

  /// Decides what becomes of the jobs that are over: whether the daemon purges them in the next round.
  private func chooseRetention() throws {
    var new = settings
    new.retention = JobRemoval.Retention()
    switch dice.pick([(0, 5), (1, 3), (2, 2)]) {
    case 1: new.retention.count = Int.random(in: 3...12, using: &dice)
    case 2: new.retention.age = .seconds(Int.random(in: 1...4, using: &dice))
    default: break
    }
    try reload(new)
  }

  private func state(of job: TrackedJob) throws -> JobState? {
    try job.id.flatMap { try JobQueue(layout).state(of: $0) }
  }
}
