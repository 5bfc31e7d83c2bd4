import Jobs
import Testing

@testable import Supervision

/// The table of phase × event, and what holds for any order of events.
@Suite struct SchedulerTests {
  @Test func opensForWorkOnlyWhenEveryJobOfEarlierHasAppeared() {
    var scheduler = Scheduler(SchedulingPolicy())
    #expect(scheduler.handle(.appeared(train(1), .queued)).isEmpty)
    let actions = scheduler.handle(.opened)
    #expect(actions.starts(with: [.notify(.ready), .scanDrop]))
    #expect(actions.contains(.start(1)))
  }

  @Test func aSpoolThatCannotBeRecoveredYetIsShownAndTriedAgain() {
    var scheduler = Scheduler(SchedulingPolicy())
    #expect(scheduler.handle(.began) == [.recover])
    let problem = "cannot write /x: No space left on device"
    let failed: [Action] = [
      .notify(.ready), .startTimer(.recover, after: .seconds(10)), .showProblem(problem),
      .notify(.status(problem)),
    ]
    #expect(scheduler.handle(.recoveryFailed(reason: problem)) == failed)
    #expect(scheduler.handle(.dropChanged).isEmpty)
    #expect(scheduler.handle(.timer(.recover)) == [.recover])
    #expect(
      scheduler.handle(.opened) == [.scanDrop, .showProblem(nil), .notify(.status("idle"))])
    #expect(scheduler.handle(.stop).last == .exit)
  }

  @Test func aJobWhoseEntryIsGoneIsForgotten() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.appeared(train(2), .queued))
    #expect(scheduler.handle(.vanished(1)).started == [2])
    #expect(scheduler.jobs.ids == [2])
  }

  @Test func startsJobsInTheOrderOfTheirNumbersWhileThereIsRoom() {
    var scheduler = opened(maxWorkers: 2)
    #expect(scheduler.handle(.appeared(train(2), .queued)).started == [2])
    #expect(scheduler.handle(.appeared(train(5), .queued)).started == [5])
    #expect(scheduler.handle(.appeared(train(4), .queued)).started == [])
    #expect(scheduler.handle(.appeared(train(3), .queued)).started == [])
    let actions = scheduler.handle(.exited(5, report(code: 0)))
    #expect(actions.starts(with: [.record(5, .done), .start(3)]))
    _ = scheduler.handle(.recorded(5))
    #expect(scheduler.jobs[5] == nil)
  }

  @Test func aJobAdmittedTwiceIsOneJob() {
    var scheduler = opened()
    #expect(scheduler.handle(.appeared(train(1), .queued)).started == [1])
    #expect(scheduler.handle(.appeared(train(1), .queued)).started == [])
  }

  @Test func aJobWaitsForTheModelThatIsBeingMade() {
    var scheduler = opened(maxWorkers: 8)
    _ = scheduler.handle(.appeared(train(1, "shirts"), .queued))
    let byNumber = JobSummary(id: 2, kind: "sample", name: "a", model: .job(1))
    let byName = JobSummary(id: 3, kind: "sample", name: "b", model: .jobNamed("shirts"))
    let byPath = JobSummary(id: 4, kind: "sample", name: "c", model: .path("/model"))
    let other = JobSummary(id: 5, kind: "sample", name: "d", model: .jobNamed("shoes"))
    #expect(scheduler.handle(.appeared(byNumber, .queued)).started == [])
    #expect(scheduler.handle(.appeared(byName, .queued)).started == [])
    #expect(scheduler.handle(.appeared(byPath, .queued)).started == [4])
    #expect(scheduler.handle(.appeared(other, .queued)).started == [5])
    _ = scheduler.handle(.appeared(train(6, "shirts"), .queued))
    // A crash is not the end of the making.
    _ = scheduler.handle(.exited(1, report(signal: 9)))
    #expect(scheduler.handle(.recorded(1)).started == [])
    #expect(scheduler.handle(.timer(.retry(1))).started == [1])
    _ = scheduler.handle(.exited(1, report(code: 0)))
    #expect(scheduler.handle(.recorded(1)).started == [2, 3])
  }

  @Test(arguments: [Transition.failed(reason: "no data", logLines: []), .cancelled])
  func aJobWhoseModelIsNotMadeFails(_ end: Transition) {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1, "shirts"), .queued))
    let byNumber = JobSummary(id: 2, kind: "sample", name: "a", model: .job(1))
    let byName = JobSummary(id: 3, kind: "sample", name: "b", model: .jobNamed("shirts"))
    for job in [byNumber, byName] {
      #expect(
        scheduler.handle(.appeared(job, .queued)).first
          == .explain(job.id, "waits for job 1 (train shirts)"))
    }
    if end == .cancelled { _ = scheduler.handle(.cancelRequested(1)) }
    _ = scheduler.handle(.message(1, .failed(reason: "no data")))
    #expect(scheduler.handle(.exited(1, report(code: 65))).contains(.record(1, end)))
    let actions = scheduler.handle(.recorded(1))
    let word = end == .cancelled ? "was cancelled" : "failed"
    let reason = "its model was to come from job 1 (train shirts), which \(word)"
    for id in [2, 3] {
      #expect(actions.contains(.record(id, .failed(reason: reason, logLines: []))))
    }
    #expect(actions.started == [])
  }

  /// At the start jobs appear in any order.
  @Test func whatAJobOfEarlierWaitsForMayAppearAfterIt() {
    var scheduler = Scheduler(SchedulingPolicy())
    _ = scheduler.handle(
      .appeared(JobSummary(id: 2, kind: "sample", name: "a", model: .job(1)), .queued))
    _ = scheduler.handle(
      .appeared(train(1, "shirts"), .deferred(remaining: .seconds(5), reason: "a crash")))
    let actions = scheduler.handle(.opened)
    #expect(actions.contains(.explain(2, "waits for job 1 (train shirts)")))
    #expect(actions.started == [])
    #expect(scheduler.handle(.timer(.retry(1))).started == [1])
    _ = scheduler.handle(.exited(1, report(code: 0)))
    let done = scheduler.handle(.recorded(1))
    #expect(done.first == .explain(2, nil) && done.started == [2])
  }

  // MARK: Ends of workers

  /// What becomes of a running job, by the way its worker ends.
  @Test(arguments: [
    (report(code: 0), Transition.done),
    (report(code: 65, log: ["a", "b"]), .failed(reason: "b", logLines: ["a", "b"])),
    (
      report(code: 75, log: ["no space"]),
      .deferred(
        Retry(delay: .seconds(10), reason: "no space", crashes: 0, isCrash: false, logLines: []))
    ),
    (
      report(signal: 11, log: ["x"]),
      .deferred(
        Retry(
          delay: .seconds(1), reason: "the worker crashed with SIGSEGV before its first step",
          crashes: 1, isCrash: true, logLines: ["x"]))
    ),
    (
      report(code: 0, published: false),
      .deferred(
        Retry(
          delay: .seconds(1),
          reason: "the worker crashed with exit code 0 but no results before its first step",
          crashes: 1, isCrash: true, logLines: []))
    ),
  ])
  func aRunningJobEnds(_ report: WorkerReport, _ transition: Transition) {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    #expect(scheduler.handle(.exited(1, report)).first == .record(1, transition))
  }

  /// What becomes of a job that is being cancelled, or stopped with the daemon.
  @Test(arguments: [
    (report(code: 0), Transition.done, Transition.done),
    (report(code: 65, log: ["b"]), .cancelled, .failed(reason: "b", logLines: ["b"])),
    (report(code: 75), .cancelled, .queued),
    (report(signal: 9), .cancelled, .queued),
    (report(code: 0, published: false), .cancelled, .queued),
  ])
  func aStoppingJobEnds(_ report: WorkerReport, cancelled: Transition, shutdown: Transition) {
    for (event, transition) in [(Event.cancelRequested(1), cancelled), (.stop, shutdown)] {
      var scheduler = opened()
      _ = scheduler.handle(.appeared(train(1), .queued))
      let actions = scheduler.handle(event)
      #expect(actions.contains(.stopWorker(1)))
      #expect(actions.contains(.startTimer(.grace(1), after: .seconds(60))))
      let end = scheduler.handle(.exited(1, report))
      #expect(end.starts(with: [.cancelTimer(.grace(1)), .record(1, transition)]))
    }
  }

  @Test func theWorkersOwnReasonComesBeforeItsLog() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.message(1, .failed(reason: "loss is not finite")))
    let actions = scheduler.handle(.exited(1, report(code: 65, log: ["x"])))
    #expect(actions.first == .record(1, .failed(reason: "loss is not finite", logLines: ["x"])))
  }

  @Test func crashesAreRetriedLaterAndLaterAndThenFail() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    for delay in [1, 5, 30, 120] {
      #expect(crash(&scheduler)?.delay == .seconds(delay))
      #expect(scheduler.handle(.timer(.retry(1))).started == [1])
    }
    guard
      case .record(1, .failed(let reason, let log)) = scheduler.handle(
        .exited(1, report(signal: 11, log: ["last words"]))
      ).first
    else {
      Issue.record("the fifth crash does not fail the job")
      return
    }
    #expect(reason.contains("5 times") && reason.contains("SIGSEGV"))
    #expect(log == ["last words"])
  }

  @Test func aFatalErrorIsTheCauseOfACrash() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    let log = ["A.swift:7: Fatal error: Index out of range", "0 0x12 in main"]
    guard
      case .record(1, .deferred(let retry)) = scheduler.handle(
        .exited(1, report(signal: 5, log: log))
      ).first
    else {
      Issue.record("the crash is not retried")
      return
    }
    #expect(
      retry.reason == "the worker crashed with SIGTRAP before its first step: "
        + "A.swift:7: Fatal error: Index out of range")
  }

  @Test func onlyANewerCheckpointMakesCrashesForgotten() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    // Each run starts from the same checkpoint and gets a little further: no progress.
    for (step, crashes) in [(10, 1), (20, 2), (30, 3)] {
      _ = scheduler.handle(.message(1, .progress(Progress(step: 0, steps: 100))))
      _ = scheduler.handle(.message(1, .progress(Progress(step: step, steps: 100))))
      #expect(crash(&scheduler)?.crashes == crashes)
      _ = scheduler.handle(.timer(.retry(1)))
    }
    _ = scheduler.handle(.message(1, .progress(Progress(step: 25, steps: 100))))
    #expect(crash(&scheduler)?.crashes == 1)
  }

  @Test func theMachinesFaultsNeverFailAJob() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    var delays: [Duration] = []
    for round in 0..<100 {
      let event: Event =
        round.isMultiple(of: 2)
        ? .startFailed(1, reason: "No space left on device") : .exited(1, report(code: 75))
      guard case .record(1, .deferred(let retry)) = scheduler.handle(event).first else {
        Issue.record("round \(round) did not defer the job")
        return
      }
      #expect(retry.crashes == 0)
      delays.append(retry.delay)
      _ = scheduler.handle(.recorded(1))
      #expect(scheduler.handle(.timer(.retry(1))).started == [1])
    }
    #expect(delays == delays.sorted())
    #expect(delays.last == .seconds(300))
  }

  // MARK: Writing the state

  @Test func aTransitionThatCannotBeWrittenIsTriedAgainAndNothingIsForgotten() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.appeared(train(2), .queued))
    _ = scheduler.handle(.exited(1, report(code: 0)))
    for _ in 0..<3 {
      let actions = scheduler.handle(.recordFailed(1, reason: "No space left on device"))
      #expect(actions.contains(.startTimer(.record(1), after: .seconds(10))))
      #expect(scheduler.handle(.timer(.record(1))) == [.record(1, .done)])
    }
    _ = scheduler.handle(.recorded(1))
    #expect(scheduler.jobs.ids == [2])
  }

  @Test func aStoppingDaemonDoesNotWaitForADiskThatIsFull() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.exited(1, report(code: 0)))
    _ = scheduler.handle(.recordFailed(1, reason: "No space left on device"))
    let actions = scheduler.handle(.stop)
    #expect(actions.contains(.record(1, .done)))
    #expect(!actions.contains(.exit))
    #expect(scheduler.handle(.recordFailed(1, reason: "No space left on device")).last == .exit)
  }

  // MARK: Cancelling

  @Test(arguments: [
    Standing.queued, .held, .deferred(remaining: .seconds(5), reason: "a crash"),
  ])
  func aWaitingJobIsCancelledAtOnce(_ standing: Standing) {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.appeared(train(2), standing))
    #expect(scheduler.handle(.cancelRequested(2)).contains(.record(2, .cancelled)))
    _ = scheduler.handle(.recorded(2))
    #expect(scheduler.jobs[2] == nil)
    #expect(scheduler.handle(.timer(.retry(2))).isEmpty)
  }

  @Test func aHungWorkerIsKilledAfterItsGrace() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    let actions = scheduler.handle(.cancelRequested(1))
    #expect(actions.contains(.noteCancellation(1)))
    #expect(scheduler.handle(.timer(.grace(1))) == [.killWorker(1)])
  }

  @Test func cancellingTwiceOrTheUnknownChangesNothing() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.cancelRequested(1))
    #expect(scheduler.handle(.cancelRequested(1)).isEmpty)
    #expect(scheduler.handle(.cancelRequested(7)).isEmpty)
  }

  @Test func aCancellationDuringTheShutdownHolds() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.stop)
    #expect(scheduler.handle(.cancelRequested(1)).first == .noteCancellation(1))
    #expect(scheduler.handle(.exited(1, report(code: 75))).contains(.record(1, .cancelled)))
  }

  // MARK: Workers of an earlier daemon

  @Test func anOrphanIsStoppedAndWaitedForBeforeItsJobRunsAgain() {
    var scheduler = Scheduler(SchedulingPolicy())
    let actions = scheduler.handle(.appeared(train(1), .orphaned(cancelRequested: false)))
    #expect(actions == [.stopOrphan(1), .startTimer(.grace(1), after: .seconds(60))])
    _ = scheduler.handle(.appeared(train(2), .queued))
    // It takes up the place of a worker.
    #expect(scheduler.handle(.opened).started == [])
    #expect(scheduler.handle(.timer(.grace(1))) == [.killOrphan(1)])
    let gone = scheduler.handle(.orphanGone(1))
    #expect(gone.starts(with: [.cancelTimer(.grace(1)), .record(1, .queued)]))
    #expect(gone.started == [2])
  }

  @Test(arguments: [true, false])
  func aCancelledOrphanIsNotRunAgain(_ noted: Bool) {
    var scheduler = Scheduler(SchedulingPolicy())
    _ = scheduler.handle(.appeared(train(1), .orphaned(cancelRequested: noted)))
    _ = scheduler.handle(.opened)
    let actions = scheduler.handle(.cancelRequested(1))
    #expect(actions.contains(.noteCancellation(1)) == !noted)
    #expect(scheduler.handle(.orphanGone(1)).contains(.record(1, .cancelled)))
  }

  @Test func aStoppingDaemonDoesNotWaitForOrphans() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .orphaned(cancelRequested: false)))
    #expect(scheduler.handle(.stop).last == .exit)
  }

  // MARK: The daemon's life

  @Test func stopWaitsForTheWorkersAndStartsNothing() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.appeared(train(2), .queued))
    let actions = scheduler.handle(.stop)
    #expect(actions.first == .notify(.stopping))
    #expect(!actions.contains(.exit))
    #expect(scheduler.handle(.dropChanged).isEmpty)
    #expect(scheduler.handle(.exited(1, report(code: 75))).contains(.record(1, .queued)))
    let end = scheduler.handle(.recorded(1))
    #expect(end.last == .exit && end.started == [])
    #expect(scheduler.handle(.stop).isEmpty)
  }

  @Test func aSecondStopDoesNotWaitForTheGrace() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    let first = scheduler.handle(.stop)
    #expect(first.contains(.startTimer(.hurry, after: .seconds(2))))
    #expect(scheduler.handle(.stop).isEmpty, "a script's SIGTERM behind the terminal's SIGINT")
    #expect(scheduler.handle(.timer(.hurry)).isEmpty)
    #expect(scheduler.handle(.stop) == [.killWorker(1)])
  }

  @Test func theWatchdogIsFedByTheLoopAlsoWhileStopping() {
    var policy = SchedulingPolicy()
    policy.watchdogInterval = .seconds(15)
    var scheduler = Scheduler(policy)
    #expect(scheduler.handle(.opened).contains(.startTimer(.watchdog, after: .seconds(15))))
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.stop)
    #expect(
      scheduler.handle(.timer(.watchdog))
        == [.notify(.watchdog), .startTimer(.watchdog, after: .seconds(15))])
  }

  @Test func theSpoolIsLookedThroughOnHintsAndEveryHalfMinute() {
    var scheduler = opened()
    #expect(scheduler.handle(.dropChanged) == [.scanDrop])
    #expect(scheduler.handle(.timer(.rescan)) == [.scanDrop])
    let quiet = scheduler.handle(.scanned(retryAfter: nil, problem: nil))
    #expect(quiet == [.startTimer(.rescan, after: .seconds(30))])
    let waiting = scheduler.handle(.scanned(retryAfter: .seconds(3), problem: nil))
    #expect(waiting == [.startTimer(.rescan, after: .seconds(3))])
  }

  // MARK: Any order of events

  /// Random events: promises of the scheduler that hold in any order, checked by a model of the
  /// processes and the disk that shares no code with it.
  @Test(arguments: 0..<30 as Range<UInt64>)
  func keepsItsPromisesInAnyOrderOfEvents(_ seed: UInt64) {
    var random = SplitMix(state: seed)
    var world = World(maxWorkers: Int.random(in: 1...3, using: &random))
    for _ in 0..<200 { world.step(&random) }
    world.finish()
  }
}

/// The rest of the world: which workers live, and what the disk says.
private struct World {
  var scheduler: Scheduler
  let maxWorkers: Int
  var workers: Set<Int> = []
  var submitted: Set<Int> = []
  var ended: Set<Int> = []
  var timers: Set<SchedulerTimer> = []
  var exited = false
  var nextID = 1

  init(maxWorkers: Int) {
    self.maxWorkers = maxWorkers
    var policy = SchedulingPolicy()
    policy.maxWorkers = maxWorkers
    scheduler = Scheduler(policy)
    send(.opened) { _ in true }
  }

  mutating func step(_ random: inout SplitMix) {
    let id = Int.random(in: 1...max(1, nextID - 1), using: &random)
    let diskWorks = Bool.random(using: &random)
    switch Int.random(in: 0..<8, using: &random) {
    case 0, 1:
      submitted.insert(nextID)
      let summary = JobSummary(
        id: nextID, kind: "sample", name: "job",
        model: Bool.random(using: &random) ? .job(id) : nil)
      nextID += 1
      send(.appeared(summary, .queued)) { _ in diskWorks }
    case 2: send(.cancelRequested(id)) { _ in diskWorks }
    case 3: send(.message(id, .progress(Progress(step: 1, steps: 9)))) { _ in diskWorks }
    case 4, 5:
      guard let worker = workers.randomElement(using: &random) else { return }
      workers.remove(worker)
      let code: Int32 = [0, 65, 75, 1].randomElement(using: &random) ?? 0
      send(.exited(worker, report(code: code))) { _ in diskWorks }
    default:
      guard let timer = timers.randomElement(using: &random) else { return }
      timers.remove(timer)
      send(.timer(timer)) { _ in diskWorks }
    }
  }

  /// Lets everything run to its end, with a disk that works.
  mutating func finish() {
    for _ in 0..<10_000 where !(workers.isEmpty && timers.subtracting([.rescan]).isEmpty) {
      if let worker = workers.min() {
        workers.remove(worker)
        send(.exited(worker, report(code: 0))) { _ in true }
      } else if let timer = timers.subtracting([.rescan]).first {
        timers.remove(timer)
        send(.timer(timer)) { _ in true }
      }
    }
    #expect(ended == submitted, "jobs are forgotten or never end")
    send(.stop) { _ in true }
    #expect(exited)
  }

  private mutating func send(_ event: Event, diskWorks: (Int) -> Bool) {
    var events = [event]
    while !events.isEmpty {
      for action in scheduler.handle(events.removeFirst()) {
        switch action {
        case .start(let id):
          #expect(!workers.contains(id), "two workers for one job")
          #expect(!ended.contains(id), "a job runs after its end")
          if diskWorks(id) {
            workers.insert(id)
          } else {
            events.append(.startFailed(id, reason: "no space"))
          }
          #expect(workers.count <= maxWorkers)
        case .killWorker(let id), .stopWorker(let id):
          #expect(workers.contains(id), "a signal for a worker that is gone")
        case .record(let id, let transition):
          #expect(!workers.contains(id), "the entry moves while the worker lives")
          #expect(!ended.contains(id), "a job ends twice")
          guard diskWorks(id) else {
            events.append(.recordFailed(id, reason: "no space"))
            break
          }
          switch transition {
          case .done, .failed, .cancelled: ended.insert(id)
          case .queued, .deferred: break
          }
          events.append(.recorded(id))
        case .startTimer(let timer, _): timers.insert(timer)
        case .cancelTimer(let timer): timers.remove(timer)
        case .scanDrop: events.append(.scanned(retryAfter: nil, problem: nil))
        case .exit: exited = true
        case .explain(let id, _): #expect(!workers.contains(id) && !ended.contains(id))
        case .recover, .saveProgress, .notify, .showProblem, .noteCancellation, .stopOrphan,
          .killOrphan:
          break
        }
      }
    }
  }
}

/// A generator that a test's number seeds.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

private func opened(maxWorkers: Int = 1) -> Scheduler {
  var policy = SchedulingPolicy()
  policy.maxWorkers = maxWorkers
  var scheduler = Scheduler(policy)
  _ = scheduler.handle(.opened)
  return scheduler
}

private func train(_ id: Int, _ name: String = "fashion") -> JobSummary {
  JobSummary(id: id, kind: "train", name: name)
}

private func report(code: Int32, published: Bool = true, log: [String] = []) -> WorkerReport {
  WorkerReport(
    end: .exited(code: code), resultsPublished: code == 0 && published, logLines: log)
}

private func report(signal: Int32, log: [String] = []) -> WorkerReport {
  WorkerReport(end: .killed(signal: signal), resultsPublished: false, logLines: log)
}

/// Lets the worker of job 1 crash and writes that down.
private func crash(_ scheduler: inout Scheduler) -> Retry? {
  let actions = scheduler.handle(.exited(1, report(signal: 11)))
  guard case .record(1, .deferred(let retry)) = actions.first else { return nil }
  let recorded = scheduler.handle(.recorded(1))
  return recorded.contains(.startTimer(.retry(1), after: retry.delay)) ? retry : nil
}

extension [Action] {
  fileprivate var started: [Int] {
    compactMap { if case .start(let id) = $0 { id } else { nil } }
  }
}
