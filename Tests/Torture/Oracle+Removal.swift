import DurableIO
import Jobs
import Spool

/// What must be true of jobs that are removed, because somebody wants it or by the daemon itself.
extension Oracle {
  /// Whether daemons remove ended jobs by themselves.
  var isPurging: Bool { retentions.contains { $0 != JobRemoval.Retention() } }

  /// A job goes if somebody removes it, or if it is over and the daemon is to keep no more of those.
  func judgeGone(_ snapshot: Snapshot) throws {
    for job in jobs where !job.isGone && job.pending?.command != .remove {
      guard let id = job.id, snapshot.states[id] == nil else { continue }
      guard job.mayHaveEnded, retentions.contains(where: { isDue(id, job, by: $0, snapshot) })
      else {
        throw Violation(
          job: id, found: "it is gone",
          expected: "the job: nobody removed it, nor is it to be purged")
      }
      if let reader = jobs.first(where: { $0.file.maker === job && $0.reads(snapshot) }) {
        throw Violation(
          job: id, found: "it is purged", expected: "it is kept for job \(reader.id ?? 0)")
      }
      // An end that nobody saw may have been any.
      if job.state?.isFinal != true { job.ends = [.done, .failed, .cancelled] }
      job.isGone = true
      job.file.isRemoved = true
      tally.purged += 1
    }
  }

  /// Whether an ended job may have been removed by what `retention` says, as far as that is known.
  private func isDue(
    _ id: Int, _ job: TrackedJob, by retention: JobRemoval.Retention, _ snapshot: Snapshot
  ) -> Bool {
    if let age = retention.age {
      let ended = job.state?.isFinal == true ? job.entry?.ended ?? lastLook : lastLook
      if ended.age >= age { return true }
    }
    guard let count = retention.count else { return false }
    var kept = Set(snapshot.states.filter { $0.value[0].isFinal }.keys)
    for job in jobs where job.isRevived || job.pending?.command.concernsEnded == true {
      kept.formUnion([job.id].compactMap { $0 })
    }
    return kept.count { $0 > id } >= count
  }

  /// Forgets jobs that are cleared away, wholly.
  func forgetRemoved(_ snapshot: Snapshot) throws {
    for job in jobs where job.isGone || job.pending?.command == .remove {
      guard let id = job.id, snapshot.states[id] == nil, !snapshot.removing.contains(id) else {
        continue
      }
      if !job.isGone, let file = job.pending?.file, try answer(to: file, snapshot) == .pending {
        continue
      }
      if let key = job.file.key, id == job.file.first,
        try Directory.names(in: layout.keys).contains(where: { $0.hasSuffix(":" + key) })
      {
        throw Violation(job: id, found: "it was removed, and not its key", expected: "neither")
      }
      if let state = job.state { tally.ends[state, default: 0] += 1 }
      job.isGone = true
      jobs.removeAll { $0 === job }
    }
  }

  /// The jobs that a daemon that starts now does not keep.
  func dueJobs() throws -> [Int] {
    guard let retention = retentions.last else { return [] }
    let ended = try JobState.allCases.filter(\.isFinal).flatMap { state in
      try JobQueue(layout).ids(in: state).map { ($0, try JobQueue(layout).entry($0, in: state)) }
    }.sorted { $0.0 < $1.0 }
    let surplus = ended.prefix(retention.count.map { max(ended.count - $0, 0) } ?? 0)
    let old = ended.filter { _, entry in
      guard let age = retention.age, let ended = entry?.ended else { return false }
      return ended.age > age
    }
    return (surplus + old).map(\.0)
  }
}

extension TrackedJob {
  /// Whether all the time since the last look it was to read the model of its maker.
  fileprivate func reads(_ snapshot: Snapshot) -> Bool {
    guard recipe.work != .train, state?.isFinal == false, let id,
      let now = snapshot.states[id]?.first
    else { return false }
    return !now.isFinal && pending?.command.revives != true
  }
}

extension JobCommand {
  /// Whether it makes of an ended job one that is not, or is gone.
  fileprivate var concernsEnded: Bool { self == .remove || revives }
}

extension Timestamp {
  fileprivate var age: Duration { .milliseconds(Timestamp.now().milliseconds - milliseconds) }
}
