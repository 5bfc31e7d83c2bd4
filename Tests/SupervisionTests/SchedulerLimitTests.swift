import Jobs
import Testing

@testable import Supervision

/// Time limits, and the removal of what has ended.
@Suite struct SchedulerLimitTests {
  private func limited(_ id: Int, seconds: Int) -> JobSummary {
    JobSummary(id: id, kind: "train", name: "a", timeLeft: .seconds(seconds))
  }

  private func stopped(after seconds: Int) -> WorkerReport {
    WorkerReport(
      end: .exited(code: 75), resultsPublished: false, logLines: ["stopped"],
      ran: .seconds(seconds))
  }

  @Test func aJobIsStoppedAtItsLimitAndHasTimedOut() {
    var scheduler = opened()
    let start = scheduler.handle(.appeared(limited(1, seconds: 90), .queued))
    #expect(start.starts(with: [.start(1), .startTimer(.limit(1), after: .seconds(90))]))
    let actions = scheduler.handle(.timer(.limit(1)))
    #expect(actions.starts(with: [.stopWorker(1), .startTimer(.grace(1), after: .seconds(60))]))
    let end = scheduler.handle(.exited(1, stopped(after: 91)))
    #expect(
      end.starts(with: [.cancelTimer(.grace(1)), .cancelTimer(.limit(1)), .record(1, .timedOut)]))
    _ = scheduler.handle(.recorded(1))
    #expect(scheduler.jobs[1] == nil)
  }

  /// What ends a job in other ways while it stops for its limit.
  @Test(arguments: [
    (Event.cancelRequested(1), report(code: 75), Transition.cancelled),
    (.holdRequested(1), report(code: 75), .timedOut), (.stop, report(code: 75), .timedOut),
    (.dropChanged, report(code: 0), .done), (.dropChanged, report(signal: 9), .timedOut),
  ])
  func otherEndsComeFirst(_ event: Event, _ report: WorkerReport, _ transition: Transition) {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(limited(1, seconds: 90), .queued))
    _ = scheduler.handle(.timer(.limit(1)))
    _ = scheduler.handle(event)
    #expect(scheduler.handle(.exited(1, report)).contains(.record(1, transition)))
  }

  /// Every run counts, also one that a crash ended and that of an earlier daemon.
  @Test func theTimeOfAllRunsIsCounted() {
    var scheduler = Scheduler(SchedulingPolicy())
    _ = scheduler.handle(.appeared(limited(1, seconds: 90), .orphaned(.requeue)))
    _ = scheduler.handle(.opened)
    _ = scheduler.handle(.orphanGone(1, ran: .seconds(20)))
    #expect(scheduler.handle(.recorded(1)).contains(.startTimer(.limit(1), after: .seconds(70))))
    _ = scheduler.handle(
      .exited(
        1,
        WorkerReport(
          end: .killed(signal: 9), resultsPublished: false, logLines: [], ran: .seconds(30))))
    _ = scheduler.handle(.recorded(1))
    let retry = scheduler.handle(.timer(.retry(1)))
    #expect(retry.contains(.startTimer(.limit(1), after: .seconds(40))))
    // Held for a moment, and nothing is left then.
    _ = scheduler.handle(.holdRequested(1))
    _ = scheduler.handle(.exited(1, stopped(after: 40)))
    _ = scheduler.handle(.recorded(1))
    #expect(scheduler.handle(.released(1)).contains(.record(1, .timedOut)))
  }

  @Test func whoHasNoTimeLeftDoesNotHoldUpOthers() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.appeared(limited(2, seconds: 0), .queued))
    _ = scheduler.handle(.appeared(train(3), .queued))
    let actions = scheduler.handle(.exited(1, report(code: 0)))
    #expect(actions.started == [3] && actions.contains(.record(2, .timedOut)))
  }

  // MARK: Removing what has ended

  @Test func endedJobsAreLookedThroughAtTheStartAndEveryHour() {
    var scheduler = Scheduler(SchedulingPolicy())
    for (id, model) in [(7, ModelReference.job(3)), (8, .jobNamed("shirts"))] {
      let job = JobSummary(
        id: id, kind: "sample", name: "a", model: model, after: [.init(job: 4, when: .any)])
      _ = scheduler.handle(.appeared(job, .held))
    }
    #expect(scheduler.handle(.opened).contains(.startTimer(.purge, after: .zero)))
    #expect(scheduler.handle(.timer(.purge)) == [.purge(sparing: [3, 4], names: ["shirts"])])
    #expect(
      scheduler.handle(.purged(isComplete: false)) == [.startTimer(.purge, after: .zero)])
    #expect(
      scheduler.handle(.purged(isComplete: true)) == [.startTimer(.purge, after: .seconds(3600))])
    _ = scheduler.handle(.stop)
    #expect(scheduler.handle(.timer(.purge)).isEmpty)
  }
}
