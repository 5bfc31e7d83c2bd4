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
    case .done: return ended(id, .done)
    case .failed, .timedOut: return ended(id, .failed)
    case .cancelled: return ended(id, .cancelled)
    case .queued: return enqueue(id)
    case .held:
      jobs[id]?.phase = .held
      return []
    case .deferred(let retry):
      jobs[id]?.phase = .deferred(reason: retry.reason)
      return [.startTimer(.retry(id), after: retry.delay)]
    }
  }

  /// Forgets a job and settles those that wait for it.
  ///
  /// - state: how it ended; nil if that is not known.
  private mutating func ended(_ id: Int, _ state: JobState?) -> [Action] {
    guard let job = jobs[id] else { return [] }
    jobs[id] = nil
    return settleWaiting(for: job, state)
  }

  mutating func recordFailed(_ id: Int, _ reason: String) -> [Action] {
    guard case .recording = jobs[id]?.phase else { return [] }
    if life == .stopping {
      jobs[id] = nil
      return []
    }
    recordProblem = reason
    return [.startTimer(.record(id), after: policy.diskDelay)]
  }

  mutating func vanished(_ id: Int) -> [Action] { ended(id, nil) }

  func recordAgain(_ id: Int) -> [Action] {
    guard case .recording(let transition) = jobs[id]?.phase else { return [] }
    return [.record(id, transition)]
  }

  mutating func retry(_ id: Int) -> [Action] {
    guard case .deferred = jobs[id]?.phase else { return [] }
    return enqueue(id)
  }

  /// Has a job that was on its way elsewhere run when there is room.
  private mutating func enqueue(_ id: Int) -> [Action] {
    jobs[id]?.phase = .queued
    // What it waits for may have ended meanwhile.
    return jobs[id]?.prerequisites.isEmpty == false ? considerWaiting(id) : []
  }
}
