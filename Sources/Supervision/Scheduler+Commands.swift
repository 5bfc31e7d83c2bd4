// What people ask for. Each command is in the job's entry already, so that a daemon that dies
// here leaves it to the next; what is left to decide is what becomes of the job now.

import Jobs

extension Scheduler {
  mutating func cancel(_ id: Int) -> [Action] {
    guard let job = jobs[id] else { return [] }
    switch job.phase {
    case .queued, .held:
      return record(id, job, .cancelled)
    case .deferred:
      return [.cancelTimer(.retry(id))] + record(id, job, .cancelled)
    case .running:
      return [.noteCancellation(id)] + stopWorker(id, .cancel)
    case .stopping(.hold), .stopping(.requeue), .stopping(.timeLimit), .stopping(.hung):
      jobs[id]?.phase = .stopping(.cancel)
      return [.noteCancellation(id)]
    case .orphaned(.hold), .orphaned(.requeue), .orphaned(.timeLimit), .orphaned(.hung):
      jobs[id]?.phase = .orphaned(.cancel)
      return [.noteCancellation(id)]
    case .recording(.queued), .recording(.deferred), .recording(.held):
      // Its writing has failed before and is being retried: now with another end.
      return [.cancelTimer(.record(id))] + record(id, job, .cancelled)
    case .stopping(.cancel), .orphaned(.cancel), .recording:
      return []
    }
  }

  mutating func hold(_ id: Int) -> [Action] {
    guard let job = jobs[id] else { return [] }
    switch job.phase {
    case .queued:
      return record(id, job, .held)
    case .deferred:
      return [.cancelTimer(.retry(id))] + record(id, job, .held)
    case .running:
      return stopWorker(id, .hold)
    case .stopping(.requeue), .stopping(.hung):
      jobs[id]?.phase = .stopping(.hold)
      return []
    case .orphaned(.requeue):
      jobs[id]?.phase = .orphaned(.hold)
      return []
    case .recording(.queued), .recording(.deferred):
      return [.cancelTimer(.record(id))] + record(id, job, .held)
    case .held, .stopping, .orphaned, .recording:
      return []
    }
  }

  /// A worker that is stopping already stops, and its job runs on when there is room.
  mutating func release(_ id: Int) -> [Action] {
    guard let job = jobs[id] else { return [] }
    switch job.phase {
    case .held:
      jobs[id]?.phase = .queued
      return findMaker(id)
    case .stopping(.hold):
      jobs[id]?.phase = .stopping(.requeue)
      return []
    case .orphaned(.hold):
      jobs[id]?.phase = .orphaned(.requeue)
      return []
    case .recording(.held):
      return [.cancelTimer(.record(id))] + record(id, job, .queued)
    case .queued, .deferred, .running, .stopping, .orphaned, .recording:
      return []
    }
  }

  mutating func revive(_ summary: JobSummary) -> [Action] {
    let id = summary.id
    switch jobs[id]?.phase {
    case nil:
      return appear(summary, .queued)
    case .deferred:
      jobs[id]?.phase = .queued
      return [.cancelTimer(.retry(id))] + findMaker(id)
    case .recording:
      // The entry has moved though its move could not be synced, and has moved on since.
      jobs[id] = ActiveJob(summary, .queued)
      return [.cancelTimer(.record(id))] + findMaker(id)
    case .queued:
      // How the jobs that it waits for stand is known anew.
      jobs[id] = ActiveJob(summary, .queued)
      return findMaker(id)
    case .held, .running, .stopping, .orphaned:
      return []
    }
  }

  mutating func edit(_ summary: JobSummary, _ isHeld: Bool) -> [Action] {
    let actions = exchange(summary, isHeld)
    // Under another name it is not the one any more whose model others want.
    return actions + jobs.waiting(for: summary.id).flatMap { findMaker($0) }
  }

  private mutating func exchange(_ summary: JobSummary, _ isHeld: Bool) -> [Action] {
    let id = summary.id
    switch jobs[id]?.phase {
    case .queued, .held:
      jobs[id] = ActiveJob(summary, isHeld ? .held : .queued)
      return findMaker(id)
    case .deferred:
      // Its worker could not be started so far.
      jobs[id] = ActiveJob(summary, isHeld ? .held : .queued)
      return [.cancelTimer(.retry(id))] + findMaker(id)
    case .recording:
      // It was to be held, or to fail because of what it waited for; that could not be written.
      jobs[id] = ActiveJob(summary, isHeld ? .held : .queued)
      return [.cancelTimer(.record(id))] + findMaker(id)
    case nil, .running, .stopping, .orphaned:
      return []
    }
  }

  mutating func pause(_ isPaused: Bool) -> [Action] {
    self.isPaused = isPaused
    return []
  }

  mutating func prioritize(_ id: Int, _ priority: Int) -> [Action] {
    jobs[id]?.summary.priority = priority
    return []
  }
}
