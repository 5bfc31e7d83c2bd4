import Jobs
import Spool
import TestSupport
import Testing

@testable import Supervision

/// What people ask for.
@Suite struct SchedulerCommandTests {
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

  // MARK: Holding

  @Test(arguments: [
    Standing.queued, .deferred(remaining: .seconds(5), reason: "a crash"),
  ])
  func aWaitingJobIsHeldAtOnceAndRunsWhenReleased(_ standing: Standing) {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.appeared(train(2), standing))
    #expect(scheduler.handle(.holdRequested(2)).contains(.record(2, .held)))
    _ = scheduler.handle(.recorded(2))
    #expect(scheduler.jobs[2]?.phase == .held)
    _ = scheduler.handle(.exited(1, report(code: 0)))
    #expect(scheduler.handle(.recorded(1)).started == [])
    #expect(scheduler.handle(.timer(.retry(2))).started == [])
    #expect(scheduler.handle(.released(2)).started == [2])
  }

  /// The events after which a job whose worker stops for a hold goes elsewhere.
  @Test(arguments: [
    ([], Transition.held), ([Event.released(1)], .queued), ([.cancelRequested(1)], .cancelled),
    ([.released(1), .holdRequested(1)], .held), ([.stop], .held),
  ])
  func aRunningJobIsStoppedAndHeld(_ more: [Event], _ transition: Transition) {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    let actions = scheduler.handle(.holdRequested(1))
    #expect(actions.starts(with: [.stopWorker(1), .startTimer(.grace(1), after: .seconds(60))]))
    #expect(scheduler.handle(.holdRequested(1)).isEmpty)
    for event in more { _ = scheduler.handle(event) }
    let end = scheduler.handle(.exited(1, report(code: 75)))
    #expect(end.starts(with: [.cancelTimer(.grace(1)), .record(1, transition)]))
    #expect(scheduler.handle(.recorded(1)).started == (transition == .queued ? [1] : []))
  }

  /// Also a job that is held can be done: it was at its last step.
  @Test func aHoldComesTooLateForAJobThatIsDone() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.holdRequested(1))
    #expect(scheduler.handle(.exited(1, report(code: 0))).contains(.record(1, .done)))
  }

  @Test func aHeldJobLooksForItsModelWhenItIsReleased() {
    var scheduler = opened()
    _ = scheduler.handle(
      .appeared(JobSummary(id: 2, kind: "sample", name: "a", model: .job(1)), .held))
    _ = scheduler.handle(.appeared(train(1), .queued))
    let actions = scheduler.handle(.released(2))
    #expect(
      actions == [.explain(2, "waits for job 1 (train fashion)", after: []), status(actions)])
    _ = scheduler.handle(.exited(1, report(code: 0)))
    #expect(scheduler.handle(.recorded(1)).started == [2])
  }

  @Test func aHoldThatCannotBeWrittenYetCanBeWithdrawn() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.appeared(train(2), .queued))
    _ = scheduler.handle(.holdRequested(2))
    _ = scheduler.handle(.recordFailed(2, reason: "no space"))
    let actions = scheduler.handle(.released(2))
    #expect(actions.starts(with: [.cancelTimer(.record(2)), .record(2, .queued)]))
  }

  /// Meanwhile what it waited for has ended otherwise than it should.
  @Test func aJobThatCannotBeHeldYetHearsOfEndsToo() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    let job = JobSummary(
      id: 2, kind: "train", name: "a", after: [Prerequisite(job: 1, when: .ok)])
    _ = scheduler.handle(.appeared(job, .queued))
    _ = scheduler.handle(.holdRequested(2))
    _ = scheduler.handle(.recordFailed(2, reason: "no space"))
    _ = scheduler.handle(.exited(1, report(code: 65)))
    _ = scheduler.handle(.recorded(1))
    _ = scheduler.handle(.released(2))
    let reason = "it was to run once job 1 is done, but that failed"
    #expect(
      scheduler.handle(.recorded(2)).first == .record(2, .failed(reason: reason, logLines: [])))
  }

  @Test func anOrphanIsHeldOrRunsAgain() {
    for (event, transition) in [
      (Event.holdRequested(1), Transition.held), (.released(1), .queued),
    ] {
      var scheduler = Scheduler(SchedulingPolicy())
      let standing = Standing.orphaned(transition == .held ? .requeue : .hold)
      _ = scheduler.handle(.appeared(train(1), standing))
      _ = scheduler.handle(.opened)
      _ = scheduler.handle(event)
      #expect(scheduler.handle(.orphanGone(1, ran: .zero)).contains(.record(1, transition)))
    }
  }

  // MARK: Trying again

  @Test func aJobThatHasEndedRunsAgain() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.exited(1, report(code: 65)))
    _ = scheduler.handle(.recorded(1))
    #expect(scheduler.handle(.revived(train(1))).started == [1])
    #expect(scheduler.handle(.revived(train(1))).isEmpty, "it runs")
  }

  @Test func aDeferredJobDoesNotWaitAnyLonger() {
    var scheduler = opened()
    _ = scheduler.handle(
      .appeared(train(1), .deferred(remaining: .seconds(600), reason: "a crash")))
    let actions = scheduler.handle(.revived(train(1)))
    #expect(actions.first == .cancelTimer(.retry(1)) && actions.started == [1])
  }

  /// Its move to `failed` was made but not synced, so that it would be tried again.
  @Test func whatWasStillBeingWrittenDoesNotUndoARetry() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.exited(1, report(code: 65)))
    _ = scheduler.handle(.recordFailed(1, reason: "Input/output error"))
    let actions = scheduler.handle(.revived(train(1)))
    #expect(actions.first == .cancelTimer(.record(1)) && actions.started == [1])
    #expect(scheduler.handle(.timer(.record(1))).isEmpty)
  }

  // MARK: Priorities

  @Test func higherPrioritiesStartFirst() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    for (id, priority) in [(2, 0), (3, 5), (4, -5), (5, 5), (6, 0)] {
      _ = scheduler.handle(
        .appeared(JobSummary(id: id, kind: "train", name: "a", priority: priority), .queued))
    }
    _ = scheduler.handle(.prioritized(6, 7))
    _ = scheduler.handle(.prioritized(3, -9))
    _ = scheduler.handle(.prioritized(99, 1))
    #expect(runAll(&scheduler) == [1, 6, 5, 2, 4, 3])
  }

  @Test func anEditWinsOverAMoveThatCouldNotBeWritten() {
    var scheduler = opened()
    for id in 1...2 { _ = scheduler.handle(.appeared(train(id), .queued)) }
    #expect(scheduler.handle(.holdRequested(2)).contains(.record(2, .held)))
    _ = scheduler.handle(.recordFailed(2, reason: "no space"))
    var edited = train(2)
    edited.name = "other"
    #expect(scheduler.handle(.edited(edited, isHeld: true)).contains(.cancelTimer(.record(2))))
    #expect(scheduler.jobs[2]?.summary == edited)
    #expect(scheduler.jobs[2]?.phase == .held)
  }

  /// The heap against sorting.
  @Test(arguments: 0..<20 as Range<UInt64>) func theOrderIsThatOfSorting(_ seed: UInt64) {
    var random = SplitMix(seed: seed)
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1000), .queued))
    var priorities: [Int: Int] = [:]
    for _ in 0..<200 {
      let id = Int.random(in: 1...60, using: &random)
      let priority = Int.random(in: -3...3, using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0, 1:
        if priorities[id] == nil {
          let job = JobSummary(id: id, kind: "train", name: "a", priority: priority)
          _ = scheduler.handle(.appeared(job, .queued))
        } else {
          _ = scheduler.handle(.prioritized(id, priority))
        }
        priorities[id] = priority
      case 2:
        _ = scheduler.handle(.holdRequested(id))
        _ = scheduler.handle(.recorded(id))
        _ = scheduler.handle(.released(id))
      default:
        _ = scheduler.handle(.cancelRequested(id))
        _ = scheduler.handle(.recorded(id))
        priorities[id] = nil
      }
    }
    let order = priorities.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    #expect(runAll(&scheduler) == [1000] + order)
  }

  /// Lets job after job run to its end; their numbers in the order in which they ran.
  private func runAll(_ scheduler: inout Scheduler) -> [Int] {
    var order: [Int] = []
    while let id = scheduler.jobs.atWork.first?.summary.id {
      order.append(id)
      _ = scheduler.handle(.exited(id, report(code: 0)))
      _ = scheduler.handle(.recorded(id))
    }
    return order
  }

  private func status(_ actions: [Action]) -> Action {
    actions.last { if case .notify(.status) = $0 { true } else { false } } ?? .exit
  }

  // MARK: Editing

  @Test func anEditedJobWaitsForWhatItsNewFileSays() {
    var scheduler = opened()
    for id in 1...3 { _ = scheduler.handle(.appeared(train(id, "job\(id)"), .queued)) }
    var new = train(3, "new")
    new.priority = 1
    #expect(scheduler.handle(.edited(new, isHeld: false)).started.isEmpty, "there is no room")
    var waiting = train(2, "waits")
    waiting.after = [Prerequisite(job: 3, when: .ok)]
    let explained = scheduler.handle(.edited(waiting, isHeld: false))
    #expect(
      explained.contains(
        .explain(2, "waits for job 3 (train new)", after: [.init(job: 3, when: .ok)])))
    _ = scheduler.handle(.exited(1, report(code: 0)))
    #expect(scheduler.handle(.recorded(1)).started.isEmpty, "job 3 has started already")
    #expect(scheduler.jobs[3]?.phase == .running && scheduler.jobs[3]?.summary == new)
    _ = scheduler.handle(.exited(3, report(code: 0)))
    #expect(scheduler.handle(.recorded(3)).started == [2])
  }

  @Test func anEditThatHoldsKeepsTheJobFromRunning() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .deferred(remaining: .seconds(9), reason: "no space")))
    let actions = scheduler.handle(.edited(train(1, "new"), isHeld: true))
    #expect(actions.contains(.cancelTimer(.retry(1))) && actions.started.isEmpty)
    #expect(scheduler.jobs[1]?.phase == .held)
    #expect(scheduler.handle(.released(1)).started == [1])
    // What runs is what it is.
    #expect(scheduler.handle(.edited(train(1, "newer"), isHeld: true)).isEmpty)
    #expect(scheduler.jobs[1]?.summary.name == "new")
  }
}
