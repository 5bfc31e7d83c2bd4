// Jobs wait for others: because their files say so, or because others make their models.
//
// What a job waits for is looked up when it comes, and settled when those jobs end. A job that
// waits for what can no longer happen fails with a sentence that says so, rather than stay in the
// queue for ever; `retry` has it wait anew.

import Jobs
import Spool

extension Scheduler {
  /// Has a queued job wait for the train job that its model comes from, the newest one that is
  /// meant, as long as that has not ended.
  mutating func findMaker(_ id: Int) -> [Action] {
    guard var job = jobs[id], job.phase == .queued, job.summary.mayWait else { return [] }
    job.prerequisites.removeAll(where: \.isMaker)
    let maker: Int? =
      switch job.summary.model {
      case .job(let maker): maker < id && jobs[maker] != nil ? maker : nil
      case .jobNamed(let name): jobs.newestMaker(of: name, before: id)
      case .path, nil: nil
      }
    if let maker {
      var prerequisite = Prerequisite(job: maker, when: .ok)
      prerequisite.isMaker = true
      job.prerequisites.append(prerequisite)
    }
    jobs[id] = job
    return considerWaiting(id)
  }

  /// Settles the jobs that wait for `earlier`, which has ended in `state`, or is not there any
  /// more.
  mutating func settleWaiting(for earlier: ActiveJob, _ state: JobState?) -> [Action] {
    var actions: [Action] = []
    for id in jobs.waiting(for: earlier.summary.id) {
      guard var job = jobs[id] else { continue }
      for index in job.prerequisites.indices
      where job.prerequisites[index].job == earlier.summary.id {
        job.prerequisites[index].fate = state.map { .ended($0) } ?? .gone
      }
      // Of a model whose maker is not there any more its reader knows best.
      job.prerequisites.removeAll { $0.isMet || $0.isMaker && $0.fate == .gone }
      jobs[id] = job
      if job.phase == .queued { actions += considerWaiting(id, title: earlier.summary.title) }
    }
    return actions
  }

  /// Says why a queued job waits, or fails it if that has become pointless.
  ///
  /// - title: That of the job which has just ended, if one has.
  mutating func considerWaiting(_ id: Int, title: String? = nil) -> [Action] {
    guard let job = jobs[id] else { return [] }
    if let lost = job.prerequisites.first(where: { $0.fate != .open }) {
      let reason = Self.misfortune(lost, title ?? "job \(lost.job)")
      return record(id, job, .failed(reason: reason, logLines: []))
    }
    // One that makes the model and is in `after` too is named once.
    let named = job.prerequisites.filter { one in
      !one.isMaker || !job.prerequisites.contains { !$0.isMaker && $0.job == one.job }
    }
    let titles = named.map { jobs[$0.job]?.summary.title ?? "job \($0.job)" }
    let more = titles.count > 3 ? " and \(titles.count - 3) more" : ""
    let reason = "waits for " + titles.prefix(3).joined(separator: ", ") + more
    return [
      .explain(
        id, titles.isEmpty ? nil : reason,
        after: job.prerequisites.filter { !$0.isMaker }.map { .init(job: $0.job, when: $0.when) })
    ]
  }

  private static func misfortune(_ lost: Prerequisite, _ title: String) -> String {
    let fate =
      switch lost.fate {
      case .ended(.done): "is done"
      case .ended(.cancelled): "was cancelled"
      case .ended: "failed"
      case .open, .gone: "is not there any more"
      }
    if lost.isMaker { return "its model was to come from \(title), which \(fate)" }
    return switch lost.when {
    case .ok: "it was to run once \(title) is done, but that \(fate)"
    case .any: "it was to run once \(title) is over, but that \(fate)"
    case .notOk: "it was to run if \(title) is not done in the end, but that \(fate)"
    }
  }
}
