import Testing

@testable import Supervision

/// What the scheduler owes the service manager and the administrator: time to stop, a new
/// configuration, and no worker that does nothing for ever.
@Suite struct SchedulerServiceTests {
  @Test func aReloadIsToldFromItsBeginningToItsEndAndHoldsAtOnce() {
    var scheduler = opened(maxWorkers: 1)
    for id in 1...3 { _ = scheduler.handle(.appeared(train(id), .queued)) }
    #expect(scheduler.handle(.reloadRequested) == [.notify(.reloading), .reload])
    var policy = scheduler.policy
    policy.maxWorkers = 2
    let actions = scheduler.handle(.reloaded(policy))
    #expect(actions.starts(with: [.notify(.ready), .startTimer(.purge, after: .zero)]))
    #expect(actions.started == [2])
    policy.maxWorkers = 1
    let fewer = scheduler.handle(.reloaded(policy))
    #expect(!fewer.contains(.stopWorker(2)))
    // One of two workers has ended, and there is room for one.
    #expect(scheduler.handle(.exited(1, report(code: 0))).started == [])
  }

  @Test func aDaemonThatIsNotReadyOrStopsSaysNothingOfAReload() {
    var scheduler = Scheduler(SchedulingPolicy())
    #expect(scheduler.handle(.reloadRequested) == [.reload])
    #expect(scheduler.handle(.reloaded(scheduler.policy)).isEmpty)
    _ = scheduler.handle(.opened)
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.stop)
    #expect(scheduler.handle(.reloadRequested).isEmpty)
  }

  @Test func whileWorkersStopTheManagerIsAskedForTime() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    let more: [Action] = [
      .notify(.extendTimeout(.seconds(30))), .startTimer(.stopExtension, after: .seconds(10)),
    ]
    let stop = scheduler.handle(.stop)
    #expect(more.allSatisfy(stop.contains))
    #expect(scheduler.handle(.timer(.stopExtension)) == more)
    _ = scheduler.handle(.exited(1, report(code: 75)))
    _ = scheduler.handle(.recorded(1))
    #expect(scheduler.handle(.timer(.stopExtension)).isEmpty)
  }

  /// Not even SIGKILL ends a process that waits for a dead network folder.
  @Test func aWorkerThatCannotBeKilledIsNotWaitedForForEver() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.stop)
    #expect(!scheduler.handle(.timer(.stopExtension)).isEmpty)
    #expect(scheduler.handle(.timer(.grace(1))) == [.killWorker(1)])
    #expect(scheduler.handle(.timer(.stopExtension)).isEmpty)
    _ = scheduler.handle(.exited(1, report(signal: 9)))
    #expect(scheduler.handle(.recorded(1)).contains(.exit))
  }

  // MARK: Workers that hang

  /// A scheduler that runs job 1 and looks at its worker every minute.
  private func examining() -> Scheduler {
    var policy = SchedulingPolicy()
    policy.workerTimeout = .seconds(60)
    var scheduler = Scheduler(policy)
    _ = scheduler.handle(.opened)
    let start = scheduler.handle(.appeared(train(1), .queued))
    #expect(start.contains(.startTimer(.examination(1), after: .seconds(60))))
    return scheduler
  }

  @Test func aWorkerThatWorksIsLookedAtAgain() {
    var scheduler = examining()
    #expect(scheduler.handle(.timer(.examination(1))) == [.examine(1)])
    #expect(
      scheduler.handle(.examined(1, hasWorked: true))
        == [.startTimer(.examination(1), after: .seconds(60))])
    #expect(
      scheduler.handle(.exited(1, report(code: 0))).contains(.cancelTimer(.examination(1))))
  }

  @Test func aWorkerThatHangsIsStoppedThenKilledAndHasCrashed() throws {
    var scheduler = examining()
    let stop = scheduler.handle(.examined(1, hasWorked: false))
    #expect(stop.starts(with: [.stopWorker(1), .startTimer(.grace(1), after: .seconds(60))]))
    #expect(scheduler.handle(.timer(.examination(1))).isEmpty)
    #expect(scheduler.handle(.timer(.grace(1))) == [.killWorker(1)])
    let actions = scheduler.handle(.exited(1, report(signal: 9)))
    let retries = actions.compactMap { action -> Retry? in
      if case .record(1, .deferred(let retry)) = action { retry } else { nil }
    }
    let retry = try #require(retries.first)
    #expect(retry.isCrash && retry.crashes == 1)
    #expect(retry.reason.contains("SIGKILL before its first step: it had hung"))
  }

  /// Its machine was asleep, for example.
  @Test func aWorkerThatCanStillStopRunsOn() {
    var scheduler = examining()
    _ = scheduler.handle(.examined(1, hasWorked: false))
    #expect(scheduler.handle(.exited(1, report(code: 75))).contains(.record(1, .queued)))
    #expect(scheduler.handle(.recorded(1)).started == [1])
  }

  @Test func aHungWorkersJobMayBeCancelledOrHeld() {
    for (event, transition) in [
      (Event.cancelRequested(1), Transition.cancelled), (.holdRequested(1), .held),
    ] {
      var scheduler = examining()
      _ = scheduler.handle(.examined(1, hasWorked: false))
      _ = scheduler.handle(event)
      #expect(scheduler.handle(.exited(1, report(signal: 9))).contains(.record(1, transition)))
    }
  }

  @Test func aNewTimeoutHoldsForWorkersThatRun() {
    var scheduler = examining()
    var policy = scheduler.policy
    policy.workerTimeout = .seconds(5)
    #expect(
      scheduler.handle(.reloaded(policy)).contains(.startTimer(.examination(1), after: .seconds(5)))
    )
    policy.workerTimeout = nil
    #expect(scheduler.handle(.reloaded(policy)).contains(.cancelTimer(.examination(1))))
  }
}
