// Jobs move on: a transition is decided, written, and done when it is on disk.

import Jobs

extension Scheduler {
  mutating func record(
    _ id: Int, _ job: ActiveJob, _ transition: Transition
  ) -> [Action] {
    jobs[id] = job
    jobs[id]?.phase = .recording(transition)
    return [.record(id, transition)]
  }

  mutating func recorded(_ id: Int) -> [Action] {
    guard case .recording(let transition) = jobs[id]?.phase else { return [] }
    switch transition {
    case .done: return ended(id, nil)
    case .failed: return ended(id, "failed")
    case .cancelled: return ended(id, "was cancelled")
    case .queued:
      jobs[id]?.phase = .queued
      return []
    case .held:
      jobs[id]?.phase = .held
      return []
    case .deferred(let retry):
      jobs[id]?.phase = .deferred(reason: retry.reason)
      return [.startTimer(.retry(id), after: retry.delay)]
    }
  }

  /// Forgets a job and settles those that wait for its model.
  ///
  /// - misfortune: why there is none; nil lets them run.
  private mutating func ended(_ id: Int, _ misfortune: String?) -> [Action] {
    guard let maker = jobs[id] else { return [] }
    jobs[id] = nil
    var actions: [Action] = []
    for waiting in jobs.waiting(for: id) {
      guard var job = jobs[waiting] else { continue }
      job.waitsFor = nil
      guard job.phase == .queued, let misfortune else {
        jobs[waiting] = job
        actions.append(.explain(waiting, nil))
        continue
      }
      let reason = "its model was to come from \(maker.summary.title), which \(misfortune)"
      actions += record(waiting, job, .failed(reason: reason, logLines: []))
    }
    return actions
  }

  mutating func recordFailed(_ id: Int, _ reason: String) -> [Action] {
    guard case .recording = jobs[id]?.phase else { return [] }
    if life == .stopping {
      jobs[id] = nil
      return []
    }
    spoolProblem = reason
    return [.startTimer(.record(id), after: policy.diskDelay)]
  }

  mutating func vanished(_ id: Int) -> [Action] { ended(id, nil) }

  func recordAgain(_ id: Int) -> [Action] {
    guard case .recording(let transition) = jobs[id]?.phase else { return [] }
    return [.record(id, transition)]
  }

  mutating func retry(_ id: Int) -> [Action] {
    guard case .deferred = jobs[id]?.phase else { return [] }
    jobs[id]?.phase = .queued
    return []
  }
}
