// Jobs come, run, and are left by their workers.

import Jobs

extension Scheduler {
  // MARK: Jobs come

  mutating func appear(_ summary: JobSummary, _ standing: Standing) -> [Action] {
    let id = summary.id
    // A job admitted twice is the same job.
    guard jobs[id] == nil else { return [] }
    switch standing {
    case .queued:
      jobs[id] = ActiveJob(summary, .queued)
      // Of the jobs of earlier, the one it waits for may be still to appear.
      return life == .recovering ? [] : findMaker(id)
    case .held:
      jobs[id] = ActiveJob(summary, .held)
      return []
    case .deferred(let remaining, let reason):
      jobs[id] = ActiveJob(summary, .deferred(reason: reason))
      // By a clock that was put back meanwhile it may be years.
      return [.startTimer(.retry(id), after: min(remaining, policy.longestDelay(summary.retry)))]
    case .orphaned(let reason):
      jobs[id] = ActiveJob(summary, .orphaned(reason))
      return [.stopOrphan(id), .startTimer(.grace(id), after: policy.stopGrace)]
    }
  }

  mutating func scanned(_ retryAfter: Duration?, _ problem: String?) -> [Action] {
    spoolProblem = problem
    guard life == .open else { return [] }
    var delay = min(retryAfter ?? policy.rescanInterval, policy.rescanInterval)
    if problem != nil { delay = min(delay, policy.diskDelay) }
    return [.startTimer(.rescan, after: delay)]
  }

  // MARK: Jobs run

  mutating func startWhatMayRun() -> [Action] {
    guard life == .open, !isPaused else { return [] }
    var room = policy.maxWorkers - jobs.atWork.count
    var actions: [Action] = []
    while room > 0, var job = jobs.next() {
      if let timeLeft = job.summary.timeLeft, timeLeft <= .zero {
        actions += record(job.summary.id, job, .timedOut)
        continue
      }
      job.phase = .running
      job.progress = nil
      job.failure = nil
      job.isKilled = false
      jobs[job.summary.id] = job
      actions.append(.start(job.summary.id))
      if let timeLeft = job.summary.timeLeft {
        actions.append(.startTimer(.limit(job.summary.id), after: timeLeft))
      }
      if let examination = examine(job.summary.id) { actions.append(examination) }
      room -= 1
    }
    return actions
  }

  mutating func hear(_ id: Int, _ message: WorkerMessage) -> [Action] {
    guard jobs[id]?.isOurs == true else { return [] }
    switch message {
    case .progress(let progress):
      jobs[id]?.take(progress)
      return [.saveProgress(id, progress)]
    case .failed(let reason), .hindered(let reason):
      jobs[id]?.failure = reason.printable
      return []
    case .finished, .stopped:
      // The exit code says the same and cannot be sent by mistake.
      return []
    }
  }

  mutating func startFailed(_ id: Int, _ reason: String) -> [Action] {
    guard var job = jobs[id], job.isOurs else { return [] }
    let transition = job.setBack(reason, policy)
    return job.countRun(.zero) + record(id, job, transition)
  }

  mutating func exited(_ id: Int, _ report: WorkerReport) -> [Action] {
    guard var job = jobs[id], job.isOurs else { return [] }
    var timers: [Action] = job.isStopping ? [.cancelTimer(.grace(id))] : []
    if policy.workerTimeout != nil { timers.append(.cancelTimer(.examination(id))) }
    let transition = job.transition(after: report, policy: policy)
    return timers + job.countRun(report.ran) + record(id, job, transition)
  }

  mutating func timeIsUp(_ id: Int) -> [Action] {
    guard jobs[id]?.phase == .running else { return [] }
    return stopWorker(id, .timeLimit)
  }

  /// Has a running job's worker looked at after a while, if workers are.
  func examine(_ id: Int) -> Action? {
    policy.workerTimeout.map { .startTimer(.examination(id), after: $0) }
  }

  /// A worker that does nothing at all is stopped: one that was only kept from working, with its
  /// machine asleep for example, can still write its checkpoint.
  mutating func examined(_ id: Int, _ hasWorked: Bool) -> [Action] {
    guard jobs[id]?.phase == .running else { return [] }
    return hasWorked ? examine(id).map { [$0] } ?? [] : stopWorker(id, .hung)
  }

  /// Tells a running job's worker to stop.
  mutating func stopWorker(_ id: Int, _ reason: ActiveJob.StopReason) -> [Action] {
    jobs[id]?.phase = .stopping(reason)
    return [.stopWorker(id), .startTimer(.grace(id), after: policy.stopGrace)]
  }

  mutating func graceOver(_ id: Int) -> [Action] {
    switch jobs[id]?.phase {
    case .stopping: kill(id)
    case .orphaned: [.killOrphan(id)]
    default: []
    }
  }

  mutating func kill(_ id: Int) -> [Action] {
    jobs[id]?.isKilled = true
    return [.killWorker(id)]
  }

  // MARK: Workers of an earlier daemon

  func askOrphan(_ id: Int) -> [Action] {
    guard case .orphaned = jobs[id]?.phase else { return [] }
    return [.stopOrphan(id)]
  }

  /// - isDone: whether it has published the results, whatever it was told to stop for.
  mutating func orphanGone(_ id: Int, _ ran: Duration, isDone: Bool) -> [Action] {
    guard var job = jobs[id], case .orphaned(let reason) = job.phase else { return [] }
    _ = job.countRun(ran)
    return [.cancelTimer(.grace(id))] + record(id, job, isDone ? .done : reason.transition)
  }
}
