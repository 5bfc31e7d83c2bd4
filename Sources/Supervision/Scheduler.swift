// Decides what runs, when, and what becomes of it.
//
// A value without I/O, clock or randomness: `handle` takes what happened and returns what is to
// be done, in order. The supervisor performs the actions and feeds their answers back as events
// before it takes the next event from outside. The whole table of phase × event is below; what
// is not in it (a timer of a phase gone by, a message of a worker that has ended) changes nothing.
// Here is the daemon's own life; what becomes of jobs is in Scheduler+Jobs, Scheduler+Waiting and
// Scheduler+Transitions, what people ask for in Scheduler+Commands.
//
// Promises: at most one worker a job and `maxWorkers` in all; jobs start by priority and then by
// number, a job that waits for others after their ends; no job is forgotten before its
// end is on disk; what the machine does wrong never ends a job.

import Jobs

/// The state of all jobs that have not ended, and the decisions about them.
package struct Scheduler: Sendable {
  package private(set) var policy: SchedulingPolicy
  package internal(set) var jobs = JobTable()
  private(set) var life = Life.recovering
  private var saidReady = false
  /// Whether somebody wants no job started.
  var isPaused = false
  /// Whether another request to stop means not to wait.
  private var mayHurry = false
  /// Why `drop/` could not be worked through the last time.
  var spoolProblem: String?
  /// Why a transition could not be written the last time, until all are.
  var recordProblem: String?
  /// What keeps the daemon from its work.
  var problem: String? { spoolProblem ?? recordProblem }
  private var shownProblem: String?
  private var lastStatus: String?

  enum Life {
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
    if life == .stopping, jobs.beingRecorded.isEmpty, !jobs.atWork.contains(where: \.isOurs) {
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
    case .paused(let isPaused): pause(isPaused)
    case .opened: open()
    case .dropChanged, .timer(.rescan): life == .open ? [.scanDrop] : []
    case .scanned(let retryAfter, let problem): scanned(retryAfter, problem)
    case .cancelRequested(let id): cancel(id)
    case .holdRequested(let id): hold(id)
    case .released(let id): release(id)
    case .revived(let summary): revive(summary)
    case .edited(let summary, let isHeld): edit(summary, isHeld)
    case .prioritized(let id, let priority): prioritize(id, priority)
    case .startFailed(let id, let reason): startFailed(id, reason)
    case .message(let id, let message): hear(id, message)
    case .exited(let id, let report): exited(id, report)
    case .orphanGone(let id, let ran, let isDone): orphanGone(id, ran, isDone: isDone)
    case .recorded(let id): recorded(id)
    case .recordFailed(let id, let reason): recordFailed(id, reason)
    case .vanished(let id): vanished(id)
    case .timer(.purge): life == .open ? [purge()] : []
    case .purged(let isComplete): purged(isComplete)
    case .timer(.watchdog): pingWatchdog()
    case .timer(.hurry): allowHurry()
    case .timer(.grace(let id)): graceOver(id)
    case .timer(.limit(let id)): timeIsUp(id)
    case .timer(.examination(let id)): jobs[id]?.phase == .running ? [.examine(id)] : []
    case .examined(let id, let hasWorked): examined(id, hasWorked)
    case .timer(.stopExtension): life == .stopping && isWorthWaiting ? extendTimeout() : []
    case .timer(.retry(let id)): retry(id)
    case .timer(.record(let id)): recordAgain(id)
    case .timer(.orphan(let id)): askOrphan(id)
    case .reloadRequested: askReload()
    case .reloaded(let policy): reloaded(policy)
    case .stop: stop()
    }
  }

  // MARK: The daemon's life

  private mutating func open() -> [Action] {
    guard life == .recovering else { return [] }
    life = .open
    spoolProblem = nil
    return sayReady() + [.scanDrop, .startTimer(.purge, after: .zero)]
      + jobs.ids.flatMap { findMaker($0) }
  }

  /// A full disk at the start is no reason to be restarted again and again: the daemon is there,
  /// says what is wrong, and tries again.
  private mutating func recoveryFailed(_ reason: String) -> [Action] {
    guard life == .recovering else { return [] }
    // Those that have appeared so far appear again.
    jobs = JobTable()
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
      actions += extendTimeout()
      for job in jobs.atWork + jobs.beingRecorded.sorted().compactMap({ jobs[$0] }) {
        actions += stopForShutdown(job.summary.id, job)
      }
      return actions
    case .stopping:
      guard mayHurry else { return [] }
      return jobs.atWork.filter(\.isStopping).flatMap { kill($0.summary.id) }
    case .ended:
      return []
    }
  }

  /// While workers write their last checkpoints the manager waits longer than its unit says, as
  /// long as this loop turns.
  private func extendTimeout() -> [Action] {
    [
      .notify(.extendTimeout(policy.stopExtension * 3)),
      .startTimer(.stopExtension, after: policy.stopExtension),
    ]
  }

  /// Whether a worker that was not killed yet has to stop, or an end to be written. One that was killed
  /// and is still there is in the kernel's hands, in a dead network folder for example.
  private var isWorthWaiting: Bool {
    !jobs.beingRecorded.isEmpty || jobs.atWork.contains { $0.isOurs && !$0.isKilled }
  }

  private func askReload() -> [Action] {
    guard life == .recovering || life == .open else { return [] }
    return (saidReady ? [.notify(.reloading)] : []) + [.reload]
  }

  private mutating func reloaded(_ policy: SchedulingPolicy) -> [Action] {
    self.policy = policy
    let ready: [Action] = saidReady ? [.notify(.ready)] : []
    guard life == .open else { return ready }
    let examinations = jobs.atWork.filter { $0.phase == .running }.map {
      examine($0.summary.id) ?? .cancelTimer(.examination($0.summary.id))
    }
    return ready + [.startTimer(.purge, after: .zero)] + examinations
  }

  private mutating func allowHurry() -> [Action] {
    mayHurry = true
    return []
  }

  private mutating func stopForShutdown(_ id: Int, _ job: ActiveJob) -> [Action] {
    switch job.phase {
    case .running:
      return stopWorker(id, .requeue)
    case .recording(let transition):
      // One more try; what fails again is found and settled by the next daemon.
      return [.cancelTimer(.record(id)), .record(id, transition)]
    case .queued, .deferred, .held, .stopping, .orphaned:
      return []
    }
  }

  private func purge() -> Action {
    var needed: Set<Int> = []
    var names: Set<String> = []
    for id in jobs.ids {
      guard let job = jobs[id] else { continue }
      needed.formUnion(job.summary.after.map(\.job))
      switch job.summary.model {
      case .job(let maker): needed.insert(maker)
      case .jobNamed(let name): names.insert(name)
      case .path, nil: break
      }
    }
    return .purge(sparing: needed, names: names)
  }

  private func purged(_ isComplete: Bool) -> [Action] {
    guard life == .open else { return [] }
    return [.startTimer(.purge, after: isComplete ? policy.purgeInterval : .zero)]
  }

  private func pingWatchdog() -> [Action] {
    guard let interval = policy.watchdogInterval else { return [] }
    return [.notify(.watchdog), .startTimer(.watchdog, after: interval)]
  }

  // MARK: What is shown

  private mutating func statusIfChanged() -> [Action] {
    guard saidReady else { return [] }
    var actions: [Action] = []
    if jobs.beingRecorded.isEmpty { recordProblem = nil }
    if problem != shownProblem {
      shownProblem = problem
      actions.append(.showProblem(problem))
    }
    let status = StatusLine(
      atWork: jobs.atWork, queued: jobs.queuedCount, held: jobs.heldCount,
      deferred: jobs.deferred.prefix(StatusLine.deferredShown).compactMap { jobs[$0] },
      deferredCount: jobs.deferred.count, problem: problem,
      isPaused: isPaused, isStopping: life == .stopping || life == .ended
    ).description
    if status != lastStatus {
      lastStatus = status
      actions.append(.notify(.status(status)))
    }
    return actions
  }
}
