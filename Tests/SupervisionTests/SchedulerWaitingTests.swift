import Jobs
import Spool
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
          == .explain(job.id, "waits for job 1 (train shirts)", after: []))
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

  /// A job that is given another name is not the one any more whose model was meant by the old one.
  @Test func aJobIsNotWaitedForUnderItsOldName() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1, "shirts"), .held))
    let sample = JobSummary(id: 2, kind: "sample", name: "a", model: .jobNamed("shirts"))
    #expect(scheduler.handle(.appeared(sample, .queued)).started == [])
    let actions = scheduler.handle(.edited(train(1, "shoes"), isHeld: true))
    #expect(actions.contains(.explain(2, nil, after: [])))
    #expect(actions.started == [2], "its worker says that there is no such model")
  }

  /// At the start jobs appear in any order.
  @Test func whatAJobOfEarlierWaitsForMayAppearAfterIt() {
    var scheduler = Scheduler(SchedulingPolicy())
    _ = scheduler.handle(
      .appeared(JobSummary(id: 2, kind: "sample", name: "a", model: .job(1)), .queued))
    _ = scheduler.handle(
      .appeared(train(1, "shirts"), .deferred(remaining: .seconds(5), reason: "a crash")))
    let actions = scheduler.handle(.opened)
    #expect(actions.contains(.explain(2, "waits for job 1 (train shirts)", after: [])))
    #expect(actions.started == [])
    #expect(scheduler.handle(.timer(.retry(1))).started == [1])
    _ = scheduler.handle(.exited(1, report(code: 0)))
    let done = scheduler.handle(.recorded(1))
    #expect(done.first == .explain(2, nil, after: []) && done.started == [2])
  }

  // MARK: Dependencies that the job file names

  private func waiting(
    _ id: Int, for when: Dependency.Condition, of jobs: [Int], _ fate: Prerequisite.Fate = .open
  ) -> JobSummary {
    JobSummary(
      id: id, kind: "sample", name: "later",
      after: jobs.map { Prerequisite(job: $0, when: when, fate: fate) })
  }

  /// What becomes of a job, by what it waits for and how that ends.
  @Test(
    arguments: [
      (.ok, .done, nil), (.any, .done, nil), (.any, .failed, nil), (.any, .cancelled, nil),
      (.notOk, .failed, nil), (.notOk, .cancelled, nil),
      (.ok, .failed, "it was to run once job 1 (train fashion) is done, but that failed"),
      (.ok, .cancelled, "it was to run once job 1 (train fashion) is done, but that was cancelled"),
      (
        .notOk, .done,
        "it was to run if job 1 (train fashion) is not done in the end, but that is done"
      ),
    ] as [(Dependency.Condition, JobState, String?)])
  func aJobWaitsForAnEnd(_ when: Dependency.Condition, _ end: JobState, _ misfortune: String?) {
    var scheduler = opened(maxWorkers: 2)
    _ = scheduler.handle(.appeared(train(1), .queued))
    let actions = scheduler.handle(.appeared(waiting(2, for: when, of: [1]), .queued))
    #expect(
      actions.first
        == .explain(
          2, "waits for job 1 (train fashion)", after: [.init(job: 1, when: when)]))
    #expect(actions.started == [])
    if end == .cancelled { _ = scheduler.handle(.cancelRequested(1)) }
    _ = scheduler.handle(.exited(1, report(code: end == .done ? 0 : 65)))
    let settled = scheduler.handle(.recorded(1))
    if let misfortune {
      #expect(settled.first == .record(2, .failed(reason: misfortune, logLines: [])))
    } else {
      #expect(settled.first == .explain(2, nil, after: []) && settled.started == [2])
    }
  }

  /// How a job ended before the other one came, or before the daemon did.
  @Test(
    arguments: [
      (.ended(.done), nil), (.ended(.failed), "job 1 is done, but that failed"),
      (.gone, "job 1 is done, but that is not there any more"),
    ] as [(Prerequisite.Fate, String?)])
  func whatHasEndedAlreadyCountsToo(_ fate: Prerequisite.Fate, _ words: String?) {
    for isRecovering in [true, false] {
      var scheduler = isRecovering ? Scheduler(SchedulingPolicy()) : opened()
      var actions = scheduler.handle(
        .appeared(waiting(2, for: .ok, of: [1], fate), .queued))
      if isRecovering { actions = scheduler.handle(.opened) }
      if let words {
        let reason = "it was to run once " + words
        #expect(actions.contains(.record(2, .failed(reason: reason, logLines: []))))
      } else {
        #expect(actions.started == [2])
      }
    }
  }

  @Test func aJobThatIsWaitedForInTwoWaysIsNamedOnce() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    let after = [Prerequisite(job: 1, when: .any, fate: .open)]
    let job = JobSummary(id: 2, kind: "sample", name: "a", model: .job(1), after: after)
    #expect(
      scheduler.handle(.appeared(job, .queued)).first
        == .explain(2, "waits for job 1 (train fashion)", after: [.init(job: 1, when: .any)]))
  }

  @Test func aJobWaitsForAllOfSeveral() {
    var scheduler = opened(maxWorkers: 9)
    for id in 1...5 { _ = scheduler.handle(.appeared(train(id, "t\(id)"), .queued)) }
    let actions = scheduler.handle(
      .appeared(waiting(6, for: .any, of: [1, 2, 3, 4, 5]), .queued))
    guard case .explain(6, let reason, let after)? = actions.first else {
      Issue.record("it does not say why it waits")
      return
    }
    #expect(reason == "waits for job 1 (train t1), job 2 (train t2), job 3 (train t3) and 2 more")
    #expect(after.map(\.job) == [1, 2, 3, 4, 5])
    for id in [3, 1, 5, 2] {
      _ = scheduler.handle(.exited(id, report(code: 0)))
      #expect(scheduler.handle(.recorded(id)).started == [])
    }
    _ = scheduler.handle(.exited(4, report(code: 0)))
    #expect(scheduler.handle(.recorded(4)).started == [6])
  }

  /// The end comes while the job is held, and is not forgotten.
  @Test(arguments: [true, false]) func aHeldJobHearsOfEndsToo(_ ends: Bool) {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    _ = scheduler.handle(.appeared(waiting(2, for: .ok, of: [1]), .held))
    _ = scheduler.handle(.exited(1, report(code: ends ? 0 : 65)))
    _ = scheduler.handle(.recorded(1))
    #expect(scheduler.jobs[2]?.phase == .held)
    let actions = scheduler.handle(.released(2))
    if ends {
      #expect(actions.started == [2])
    } else {
      #expect(
        actions.first
          == .record(
            2,
            .failed(
              reason: "it was to run once job 1 is done, but that failed", logLines: [])))
    }
  }

  @Test func failuresGoDownTheChainAndARetryWaitsAnew() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    for id in 2...3 {
      _ = scheduler.handle(.appeared(waiting(id, for: .ok, of: [id - 1]), .queued))
    }
    _ = scheduler.handle(.cancelRequested(1))
    _ = scheduler.handle(.exited(1, report(code: 75)))
    for id in 1...3 { _ = scheduler.handle(.recorded(id)) }
    #expect(scheduler.jobs.ids == [])
    #expect(scheduler.handle(.revived(train(1))).started == [1])
    #expect(scheduler.handle(.revived(waiting(2, for: .ok, of: [1]))).started == [])
    _ = scheduler.handle(.exited(1, report(code: 0)))
    #expect(scheduler.handle(.recorded(1)).started == [2])
  }

  // MARK: Pausing

  @Test func aPausedQueueStartsNothing() {
    var scheduler = opened()
    _ = scheduler.handle(.appeared(train(1), .queued))
    #expect(
      scheduler.handle(.paused(true)).contains(
        .notify(
          .status(
            "train fashion (job 1) starting; paused"))))
    _ = scheduler.handle(.appeared(train(2), .queued))
    _ = scheduler.handle(.exited(1, report(code: 0)))
    #expect(scheduler.handle(.recorded(1)).started == [])
    #expect(scheduler.handle(.paused(false)).started == [2])
  }
}
