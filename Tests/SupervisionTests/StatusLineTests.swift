import Jobs
import Testing

@testable import Supervision

@Suite struct StatusLineTests {
  @Test func showsTheRunningJobAndTheQueue() {
    var running = job(3, .running)
    running.progress = Progress(step: 1200, steps: 8000, loss: 0.0314, secondsLeft: 550)
    #expect(
      line([running], queued: 2)
        == "train fashion-mnist (job 3) step 1200/8000, loss 0.031, 9 min left; 2 queued")
  }

  @Test func showsASampleJobInImages() {
    var running = job(4, .running)
    running.summary.kind = "sample"
    running.progress = Progress(step: 12, steps: 64)
    #expect(line([running]) == "sample fashion-mnist (job 4) image 12/64")
  }

  @Test func showsAnEvaluateJobInImages() {
    var running = job(4, .running)
    running.summary.kind = "evaluate"
    running.progress = Progress(step: 12, steps: 64, bitsPerDimension: 3.4567)
    #expect(line([running]) == "evaluate fashion-mnist (job 4) image 12/64, 3.46 bits/dim")
  }

  @Test func showsWhyNothingRuns() {
    #expect(line([]) == "idle")
    #expect(
      line(
        [],
        deferred: [job(1, .deferred(reason: "the worker crashed with SIGKILL past step 5 of 9"))])
        == "job 1 will be tried again: the worker crashed with SIGKILL past step 5 of 9")
    #expect(
      line([], problem: "No space left on device")
        == "No space left on device")
    #expect(
      line([job(1, .stopping(.requeue))], isStopping: true)
        == "stopping: train fashion-mnist (job 1) writing its checkpoint")
  }

  @Test func doesNotGrowWithTheJobsThatAreTriedAgain() {
    let jobs = (1...3).map { job($0, .deferred(reason: "no space")) }
    #expect(
      line([], deferred: jobs, deferredCount: 100_000)
        == "job 1 will be tried again: no space; job 2 will be tried again: no space; "
        + "job 3 will be tried again: no space; 99997 more will be tried again")
  }

  @Test func isOneLineWhateverAReasonSays() {
    #expect(line([], problem: "a\nMAINPID=1\u{1B}[m") == #"a\nMAINPID=1\u{1B}[m"#)
  }

  @Test(arguments: [
    (0.0314, "0.031"), (0.996, "1.00"), (1.26, "1.3"), (12.4, "12"), (0.000_812, "0.00081"),
    (123456.7, "123457"), (Double.infinity, "inf"), (0.0999, "0.100"),
  ])
  func showsALossWithTwoSignificantDigits(_ loss: Double, _ text: String) {
    var running = job(1, .running)
    running.progress = Progress(step: 0, steps: 1, loss: loss)
    #expect(line([running]).hasSuffix("loss \(text)"))
  }

  @Test(arguments: [
    (0.2, "0 s"), (59.4, "59 s"), (60.0, "1 min"), (89.0, "1 min"), (91.0, "2 min"),
    (3600.0, "1 h 0 min"), (100_000.0, "27 h 47 min"), (200_000.0, "2 d 7 h"),
  ])
  func showsTimeLeftInAFittingUnit(_ seconds: Double, _ text: String) {
    var running = job(1, .running)
    running.progress = Progress(step: 0, steps: 1, secondsLeft: seconds)
    #expect(line([running]).hasSuffix(", \(text) left"))
  }

  @Test(arguments: [-1, Double.nan, Double.infinity])
  func leavesOutATimeThatMakesNoSense(_ seconds: Double) {
    var running = job(1, .running)
    running.progress = Progress(step: 0, steps: 1, secondsLeft: seconds)
    #expect(line([running]).hasSuffix("step 0/1"))
  }

  private func job(_ id: Int, _ phase: ActiveJob.Phase) -> ActiveJob {
    ActiveJob(JobSummary(id: id, kind: "train", name: "fashion-mnist"), phase)
  }

  private func line(
    _ jobs: [ActiveJob], queued: Int = 0, deferred: [ActiveJob] = [], deferredCount: Int? = nil,
    problem: String? = nil, isStopping: Bool = false
  ) -> String {
    StatusLine(
      atWork: jobs, queued: queued, held: 0, deferred: deferred,
      deferredCount: deferredCount ?? deferred.count, problem: problem, isPaused: false,
      isStopping: isStopping
    )
    .description
  }
}
