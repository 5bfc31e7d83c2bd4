import Jobs
import Testing

@testable import Supervision

/// The daemon's own life, and the order in which jobs start.
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
    _ = scheduler.handle(.appeared(train(1), .queued))
    #expect(scheduler.handle(.recoveryFailed(reason: problem)) == failed)
    #expect(scheduler.jobs.ids.isEmpty, "who is there still appears again, as it is then")
    #expect(scheduler.handle(.dropChanged).isEmpty)
    #expect(scheduler.handle(.timer(.recover)) == [.recover])
    let works: [Action] = [
      .scanDrop, .startTimer(.purge, after: .zero), .showProblem(nil), .notify(.status("idle")),
    ]
    #expect(scheduler.handle(.opened) == works)
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
}
