import Jobs
import Testing

@testable import Supervision

/// Jobs that wait for other jobs.
@Suite struct SchedulerWaitingTests {
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
}
