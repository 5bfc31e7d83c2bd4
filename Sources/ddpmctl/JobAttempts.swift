import Jobs

/// One run of a job's worker.
struct JobAttempt {
  let number: Int
  let began: Timestamp
  /// What ended it; nil for the run that is under way.
  let end: JobEvent?

  var seconds: Double? {
    end.map { Double($0.time.milliseconds - began.milliseconds) / 1000 }
  }

  /// The runs that `events` tell of, in order.
  static func all(in events: [JobEvent]) -> [JobAttempt] {
    var attempts: [JobAttempt] = []
    var open: JobEvent?
    for event in events {
      switch event.kind {
      case .started: open = event
      case .stopped, .crashed, .deferred, .held, .finished, .failed, .timedOut, .cancelled:
        guard let start = open else { continue }
        attempts.append(JobAttempt(number: start.attempt, began: start.time, end: event))
        open = nil
      case .admitted, .released, .retried, .extended, .edited, .cancelling: break
      }
    }
    if let open { attempts.append(JobAttempt(number: open.attempt, began: open.time, end: nil)) }
    return attempts
  }
}
