// Decides what runs, when, and what becomes of it.
//
// A value without I/O, clock or randomness: `handle` takes what happened and returns what is to
// be done, in order. The supervisor performs the actions and feeds their answers back as events
// before it takes the next event from outside. The whole table of phase × event is below; what
// is not in it (a timer of a phase gone by, a message of a worker that has ended) changes nothing.
//
// Promises: at most one worker a job and `maxWorkers` in all; jobs start in the order of their
// numbers, a job that needs another's model after that one's end; no job is forgotten before
// its end is on disk; what the machine does wrong never ends a job.

import Jobs

/// The state of all jobs that have not ended, and the decisions about them.
package struct Scheduler: Sendable {
  package let policy: SchedulingPolicy
  package private(set) var jobs = JobTable()
  private var life = Life.recovering
  private var saidReady = false
  /// Whether another request to stop means not to wait.
  private var mayHurry = false
  /// Why `drop/` could not be worked through the last time.
  private var spoolProblem: String?
  private var shownProblem: String?
  private var lastStatus: String?

  private enum Life {
    case recovering
    case open
    case stopping
    case ended
  }

  package init(_ policy: SchedulingPolicy) { self.policy = policy }

  /// Takes note of `event` and says what is to be done.
  package mutating func handle(_ event: Event) -> [Action] {
    var actions = react(to: event)
    actions += startWhatMayRun()
    actions += statusIfChanged()
    if life == .stopping, !jobs.atWork.contains(where: \.keepsDaemon) {
      life = .ended
      actions.append(.exit)
    }
    return actions
  }

  private mutating func react(to event: Event) -> [Action] {
    switch event {
    case .began, .timer(.recover): life == .recovering ? [.recover] : []
    case .recoveryFailed(let reason): recoveryFailed(reason)
    case .appeared(let summary, let standing): appear(summary, standing)
    case .opened: open()
    case .dropChanged, .timer(.rescan): life == .open ? [.scanDrop] : []
    case .scanned(let retryAfter, let problem): scanned(retryAfter, problem)
    case .cancelRequested(let id): cancel(id)
    case .startFailed(let id, let reason): startFailed(id, reason)
    case .message(let id, let message): hear(id, message)
    case .exited(let id, let report): exited(id, report)
    case .orphanGone(let id): orphanGone(id)
    case .recorded(let id): recorded(id)
    case .recordFailed(let id, let reason): recordFailed(id, reason)
    case .vanished(let id): vanished(id)
    case .timer(.watchdog): pingWatchdog()
    case .timer(.hurry): allowHurry()
    case .timer(.grace(let id)): graceOver(id)
    case .timer(.retry(let id)): retry(id)
    case .timer(.record(let id)): recordAgain(id)
    case .timer(.orphan(let id)): askOrphan(id)
    case .stop: stop()
    }
  }

  // MARK: The daemon's life

  private mutating func open() -> [Action] {
    guard life == .recovering else { return [] }
    life = .open
    spoolProblem = nil
    return sayReady() + [.scanDrop] + jobs.queued.flatMap { awaitModel($0) }
  }

  /// A full disk at the start is no reason to be restarted again and again: the daemon is there,
  /// says what is wrong, and tries again.
  private mutating func recoveryFailed(_ reason: String) -> [Action] {
    guard life == .recovering else { return [] }
    spoolProblem = reason
    return sayReady() + [.startTimer(.recover, after: policy.diskDelay)]
  }

  private mutating func sayReady() -> [Action] {
    guard !saidReady else { return [] }
    saidReady = true
    let watchdog = policy.watchdogInterval.map { [Action.startTimer(.watchdog, after: $0)] }
    return [.notify(.ready)] + (watchdog ?? [])
  }

  private mutating func stop() -> [Action] {
    switch life {
    case .recovering, .open:
      life = .stopping
      var actions: [Action] = [
        .notify(.stopping), .cancelTimer(.rescan), .cancelTimer(.recover),
        .startTimer(.hurry, after: policy.stopEcho),
      ]
      for job in jobs.atWork { actions += stopForShutdown(job.summary.id, job) }
      return actions
    case .stopping:
      guard mayHurry else { return [] }
      return jobs.atWork.filter(\.isStopping).map { .killWorker($0.summary.id) }
    case .ended:
      return []
    }
  }

  private mutating func allowHurry() -> [Action] {
    mayHurry = true
    return []
  }

  private mutating func stopForShutdown(_ id: Int, _ job: ActiveJob) -> [Action] {
    switch job.phase {
    case .running:
      jobs[id]?.phase = .stopping(.shutdown)
      return [.stopWorker(id), .startTimer(.grace(id), after: policy.stopGrace)]
    case .recording(let transition):
      // One more try; what fails again is found and settled by the next daemon.
      return [.cancelTimer(.record(id)), .record(id, transition)]
    case .queued, .deferred, .held, .stopping, .orphaned:
      return []
    }
  }

  private func pingWatchdog() -> [Action] {
    guard let interval = policy.watchdogInterval else { return [] }
    return [.notify(.watchdog), .startTimer(.watchdog, after: interval)]
  }

  // MARK: Jobs come

  private mutating func appear(_ summary: JobSummary, _ standing: Standing) -> [Action] {
    let id = summary.id
    // A job admitted twice is the same job.
    guard jobs[id] == nil else { return [] }
    switch standing {
    case .queued:
      jobs[id] = ActiveJob(summary, .queued)
      // Of the jobs of earlier, the one it waits for may be still to appear.
      return life == .recovering ? [] : awaitModel(id)
    case .held:
      jobs[id] = ActiveJob(summary, .held)
      return []
    case .deferred(let remaining, let reason):
      jobs[id] = ActiveJob(summary, .deferred(reason: reason))
      return [.startTimer(.retry(id), after: remaining)]
    case .orphaned(let cancelRequested):
      jobs[id] = ActiveJob(summary, .orphaned(cancelRequested: cancelRequested))
      return [.stopOrphan(id), .startTimer(.grace(id), after: policy.stopGrace)]
    }
  }

  /// Has a job that has just come wait for the train job that its model comes from, the newest
  /// one that is meant, as long as that has not ended.
  private mutating func awaitModel(_ id: Int) -> [Action] {
    guard var job = jobs[id] else { return [] }
    switch job.summary.model {
    case .job(let maker): job.waitsFor = maker < id && jobs[maker] != nil ? maker : nil
    case .jobNamed(let name): job.waitsFor = jobs.newestMaker(of: name, before: id)
    case .path, nil: return []
    }
    jobs[id] = job
    let maker = job.waitsFor.flatMap { jobs[$0] }
    return [.explain(id, maker.map { "waits for \($0.summary.title)" })]
  }

  private mutating func scanned(_ retryAfter: Duration?, _ problem: String?) -> [Action] {
    spoolProblem = problem
    guard life == .open else { return [] }
    var delay = min(retryAfter ?? policy.rescanInterval, policy.rescanInterval)
    if problem != nil { delay = min(delay, policy.diskDelay) }
    return [.startTimer(.rescan, after: delay)]
  }

  // MARK: Jobs run

  private mutating func startWhatMayRun() -> [Action] {
    guard life == .open else { return [] }
    var room = policy.maxWorkers - jobs.atWork.count(where: \.hasWorker)
    guard room > 0 else { return [] }
    var actions: [Action] = []
    for id in jobs.queued {
      guard room > 0 else { break }
      guard var job = jobs[id], job.waitsFor == nil else { continue }
      job.phase = .running
      job.progress = nil
      job.failure = nil
      jobs[id] = job
      actions.append(.start(id))
      room -= 1
    }
    return actions
  }

  private mutating func hear(_ id: Int, _ message: WorkerMessage) -> [Action] {
    guard jobs[id]?.isOurs == true else { return [] }
    switch message {
    case .progress(let progress):
      jobs[id]?.take(progress)
      return [.saveProgress(id, progress)]
    case .failed(let reason):
      jobs[id]?.failure = reason
      return []
    case .finished, .stopped:
      // The exit code says the same and cannot be sent by mistake.
      return []
    }
  }

  private mutating func startFailed(_ id: Int, _ reason: String) -> [Action] {
    guard var job = jobs[id], job.isOurs else { return [] }
    let transition = job.setBack(reason, policy)
    return record(id, job, transition)
  }

  private mutating func exited(_ id: Int, _ report: WorkerReport) -> [Action] {
    guard var job = jobs[id], job.isOurs else { return [] }
    let grace: [Action] = job.isStopping ? [.cancelTimer(.grace(id))] : []
    let transition = job.transition(after: report, policy: policy)
    return grace + record(id, job, transition)
  }

  private func askOrphan(_ id: Int) -> [Action] {
    guard case .orphaned = jobs[id]?.phase else { return [] }
    return [.stopOrphan(id)]
  }

  private mutating func orphanGone(_ id: Int) -> [Action] {
    guard let job = jobs[id], case .orphaned(let cancelRequested) = job.phase else { return [] }
    return [.cancelTimer(.grace(id))]
      + record(id, job, cancelRequested ? .cancelled : .queued)
  }

  private mutating func graceOver(_ id: Int) -> [Action] {
    switch jobs[id]?.phase {
    case .stopping: [.killWorker(id)]
    case .orphaned: [.killOrphan(id)]
    default: []
    }
  }

  // MARK: Jobs move on

  private mutating func record(
    _ id: Int, _ job: ActiveJob, _ transition: Transition
  ) -> [Action] {
    jobs[id] = job
    jobs[id]?.phase = .recording(transition)
    return [.record(id, transition)]
  }

  private mutating func recorded(_ id: Int) -> [Action] {
    guard case .recording(let transition) = jobs[id]?.phase else { return [] }
    switch transition {
    case .done: return ended(id, nil)
    case .failed: return ended(id, "failed")
    case .cancelled: return ended(id, "was cancelled")
    case .queued:
      jobs[id]?.phase = .queued
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

  private mutating func recordFailed(_ id: Int, _ reason: String) -> [Action] {
    guard case .recording = jobs[id]?.phase else { return [] }
    if life == .stopping {
      jobs[id] = nil
      return []
    }
    spoolProblem = reason
    return [.startTimer(.record(id), after: policy.diskDelay)]
  }

  private mutating func vanished(_ id: Int) -> [Action] { ended(id, nil) }

  private func recordAgain(_ id: Int) -> [Action] {
    guard case .recording(let transition) = jobs[id]?.phase else { return [] }
    return [.record(id, transition)]
  }

  private mutating func retry(_ id: Int) -> [Action] {
    guard case .deferred = jobs[id]?.phase else { return [] }
    jobs[id]?.phase = .queued
    return []
  }

  private mutating func cancel(_ id: Int) -> [Action] {
    guard let job = jobs[id] else { return [] }
    switch job.phase {
    case .queued, .held:
      return record(id, job, .cancelled)
    case .deferred:
      return [.cancelTimer(.retry(id))] + record(id, job, .cancelled)
    case .running:
      jobs[id]?.phase = .stopping(.cancel)
      return [
        .noteCancellation(id), .stopWorker(id), .startTimer(.grace(id), after: policy.stopGrace),
      ]
    case .stopping(.shutdown):
      jobs[id]?.phase = .stopping(.cancel)
      return [.noteCancellation(id)]
    case .orphaned(cancelRequested: false):
      jobs[id]?.phase = .orphaned(cancelRequested: true)
      return [.noteCancellation(id)]
    case .recording(.queued), .recording(.deferred):
      // Its writing has failed before and is being retried: now with another end.
      return [.cancelTimer(.record(id))] + record(id, job, .cancelled)
    case .stopping(.cancel), .orphaned(cancelRequested: true), .recording:
      return []
    }
  }

  // MARK: What is shown

  private mutating func statusIfChanged() -> [Action] {
    guard saidReady else { return [] }
    var actions: [Action] = []
    if spoolProblem != shownProblem {
      shownProblem = spoolProblem
      actions.append(.showProblem(spoolProblem))
    }
    let status = StatusLine(
      atWork: jobs.atWork, queued: jobs.queued.count, held: jobs.heldCount, problem: spoolProblem,
      isStopping: life == .stopping || life == .ended
    ).description
    if status != lastStatus {
      lastStatus = status
      actions.append(.notify(.status(status)))
    }
    return actions
  }
}
