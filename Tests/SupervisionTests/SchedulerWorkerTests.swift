import Jobs
import Testing

@testable import Supervision

/// What becomes of a job, by the way its worker ends.
@Suite struct SchedulerWorkerTests {
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

  /// A worker publishes last of all: how it ends then says nothing of the job.
  @Test(arguments: [WorkerEnd.exited(code: 0), .exited(code: 75), .killed(signal: 9)])
  func aJobWithResultsIsDone(_ end: WorkerEnd) {
    for event in [nil, Event.cancelRequested(1), .holdRequested(1), .timer(.limit(1)), .stop] {
      var scheduler = opened()
      _ = scheduler.handle(.appeared(train(1), .queued))
      if let event { _ = scheduler.handle(event) }
      let report = WorkerReport(end: end, resultsPublished: true, logLines: [])
      #expect(scheduler.handle(.exited(1, report)).contains(.record(1, .done)))
    }
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
    _ = scheduler.handle(.message(1, .failed(reason: "loss is\u{1B}[m\nnot finite")))
    let actions = scheduler.handle(.exited(1, report(code: 65, log: ["x"])))
    #expect(
      actions.first == .record(1, .failed(reason: #"loss is\u{1B}[m\nnot finite"#, logLines: ["x"]))
    )
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

  /// Each run gets a checkpoint further, or does not, and each time a new daemon takes the job up.
  @Test(arguments: [0, 5])
  func aRestartedDaemonKnowsProgressFromNone(checkpointEvery: Int) {
    var summary = train(1)
    for round in 1...4 {
      var scheduler = opened()
      _ = scheduler.handle(.appeared(summary, .queued))
      let step = (round - 1) * checkpointEvery
      _ = scheduler.handle(.message(1, .progress(Progress(step: step, steps: 100))))
      guard let retry = crash(&scheduler) else {
        Issue.record("crash \(round) is not retried")
        return
      }
      #expect(retry.crashes == (checkpointEvery == 0 ? round : 1))
      (summary.crashes, summary.resumedAt) = (retry.crashes, retry.resumedAt)
    }
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

  /// A log on a full disk has no room for the reason.
  @Test func whatHindersAWorkerIsItsOwnWord() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.message(1, .hindered(reason: "No space left on device")))
    let actions = scheduler.handle(.exited(1, report(code: 75, log: ["step 9 of 10"])))
    guard case .record(1, .deferred(let retry)) = actions.first else {
      Issue.record("the job is not deferred: \(actions)")
      return
    }
    #expect(retry.reason == "No space left on device")
  }

  /// The clock that says until when was put back since.
  @Test func noJobWaitsLongerThanItsDelays() {
    var scheduler = Scheduler(SchedulingPolicy())
    var patient = train(2)
    patient.retry.delays = [7200, 60]
    let years = Standing.deferred(remaining: .seconds(100_000_000), reason: "a crash")
    #expect(
      scheduler.handle(.appeared(train(1), years)).first
        == .startTimer(.retry(1), after: .seconds(600)))
    #expect(
      scheduler.handle(.appeared(patient, years)).first
        == .startTimer(.retry(2), after: .seconds(7200)))
  }

  // MARK: Writing the state

  @Test func whatCannotBeWrittenIsShownUntilItIsWritten() {
    var scheduler = opened()
    for id in 1...2 { _ = scheduler.handle(.appeared(train(id), .queued)) }
    _ = scheduler.handle(.exited(1, report(code: 0)))
    let failed = scheduler.handle(.recordFailed(1, reason: "no space"))
    #expect(failed.contains(.showProblem("no space")))
    // That drop/ has no problem says nothing of the queue.
    #expect(!scheduler.handle(.scanned(retryAfter: nil, problem: nil)).contains(.showProblem(nil)))
    #expect(scheduler.handle(.recorded(1)).contains(.showProblem(nil)))
  }

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

  // MARK: Workers of an earlier daemon

  @Test func anOrphanIsStoppedAndWaitedForBeforeItsJobRunsAgain() {
    var scheduler = Scheduler(SchedulingPolicy())
    let actions = scheduler.handle(.appeared(train(1), .orphaned(.requeue)))
    #expect(actions == [.stopOrphan(1), .startTimer(.grace(1), after: .seconds(60))])
    _ = scheduler.handle(.appeared(train(2), .queued))
    // It takes up the place of a worker.
    #expect(scheduler.handle(.opened).started == [])
    #expect(scheduler.handle(.timer(.grace(1))) == [.killOrphan(1)])
    let gone = scheduler.handle(.orphanGone(1, ran: .zero))
    #expect(gone.starts(with: [.cancelTimer(.grace(1)), .record(1, .queued)]))
    #expect(gone.started == [2])
  }

  @Test(arguments: [true, false])
  func aCancelledOrphanIsNotRunAgain(_ noted: Bool) {
    var scheduler = Scheduler(SchedulingPolicy())
    _ = scheduler.handle(.appeared(train(1), .orphaned(noted ? .cancel : .requeue)))
    _ = scheduler.handle(.opened)
    let actions = scheduler.handle(.cancelRequested(1))
    #expect(actions.contains(.noteCancellation(1)) == !noted)
    #expect(scheduler.handle(.orphanGone(1, ran: .zero)).contains(.record(1, .cancelled)))
  }

  @Test(arguments: [ActiveJob.StopReason.cancel, .hold, .timeLimit, .requeue])
  func anOrphanThatWasDoneFirstIsDone(_ reason: ActiveJob.StopReason) {
    var scheduler = Scheduler(SchedulingPolicy())
    _ = scheduler.handle(.appeared(train(1), .orphaned(reason)))
    _ = scheduler.handle(.opened)
    let actions = scheduler.handle(.orphanGone(1, ran: .zero, resultsPublished: true))
    #expect(actions.contains(.record(1, .done)))
  }

  @Test func aStoppingDaemonDoesNotWaitForOrphans() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .orphaned(.requeue)))
    #expect(scheduler.handle(.stop).last == .exit)
  }

  /// Its own delays and limit instead of everybody's.
  @Test func aJobsFileSaysHowOftenItIsRunAgain() {
    var scheduler = opened()
    var job = train(1)
    job.memoryLimit = 4 << 30
    job.retry.limit = 2
    job.retry.delays = [7, 90]
    _ = scheduler.handle(.appeared(job, .queued))
    for delay in [7, 90] {
      let retry = crash(&scheduler)
      #expect(retry?.delay == .seconds(delay))
      #expect(retry?.reason.hasSuffix("(its memory_limit is 4 GiB)") == true)
      _ = scheduler.handle(.timer(.retry(1)))
    }
    let actions = scheduler.handle(.exited(1, report(signal: 11)))
    guard case .record(1, .failed(let reason, _)) = actions.first else {
      Issue.record("the third crash is not the last: \(actions)")
      return
    }
    #expect(reason.contains("crashed 3 times in a row"))
    // One that is never to be run again.
    job.id = 2
    job.retry.limit = 0
    _ = scheduler.handle(.recorded(1))
    _ = scheduler.handle(.appeared(job, .queued))
    guard case .record(2, .failed)? = scheduler.handle(.exited(2, report(signal: 11))).first else {
      Issue.record("a job without retries is run again")
      return
    }
  }
}
