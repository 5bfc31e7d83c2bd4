import Jobs

@testable import Supervision

func opened(maxWorkers: Int = 1) -> Scheduler {
  var policy = SchedulingPolicy()
  policy.maxWorkers = maxWorkers
  var scheduler = Scheduler(policy)
  _ = scheduler.handle(.opened)
  return scheduler
}

func train(_ id: Int, _ name: String = "fashion") -> JobSummary {
  JobSummary(id: id, kind: "train", name: name)
}

func report(code: Int32, published: Bool = true, log: [String] = []) -> WorkerReport {
  WorkerReport(
    end: .exited(code: code), resultsPublished: code == 0 && published, logLines: log)
}

func report(signal: Int32, log: [String] = []) -> WorkerReport {
  WorkerReport(end: .killed(signal: signal), resultsPublished: false, logLines: log)
}

/// Lets the worker of job 1 crash and writes that down.
func crash(_ scheduler: inout Scheduler) -> Retry? {
  let actions = scheduler.handle(.exited(1, report(signal: 11)))
  guard case .record(1, .deferred(let retry)) = actions.first else { return nil }
  let recorded = scheduler.handle(.recorded(1))
  return recorded.contains(.startTimer(.retry(1), after: retry.delay)) ? retry : nil
}

extension [Action] {
  var started: [Int] {
    compactMap { if case .start(let id) = $0 { id } else { nil } }
  }
}
