// One line on what the daemon does, for `systemctl status`:
// `train fashion-mnist (job 3) step 1200/8000, loss 0.031, 9 min left; 2 queued`.

import Jobs

/// The text of STATUS: one line, whatever the reasons in it say.
package struct StatusLine: CustomStringConvertible {
  /// So many of the jobs that wait for their next try are named.
  static let deferredShown = 3

  /// The jobs that have a worker, in the order of their numbers.
  let atWork: [ActiveJob]
  let queued: Int
  let held: Int
  /// The first of the jobs that wait for their next try, and how many there are.
  let deferred: [ActiveJob]
  let deferredCount: Int
  /// What keeps the daemon from writing its state, if anything does.
  let problem: String?
  let isPaused: Bool
  let isStopping: Bool

  package var description: String {
    var parts = atWork.compactMap(work)
    if queued > 0 { parts.append("\(queued) queued") }
    if held > 0 { parts.append("\(held) held") }
    parts += deferred.compactMap(setback)
    if deferredCount > deferred.count {
      parts.append("\(deferredCount - deferred.count) more will be tried again")
    }
    if isPaused { parts.append("paused") }
    if let problem { parts.append(problem) }
    if parts.isEmpty { parts.append(isStopping ? "no job running" : "idle") }
    return ((isStopping ? "stopping: " : "") + parts.joined(separator: "; ")).printable
  }

  /// A job with a worker.
  private func work(_ job: ActiveJob) -> String? {
    let title = "\(job.summary.kind) \(job.summary.name) (job \(job.summary.id))"
    switch job.phase {
    case .running:
      return title + (job.progress.map { " " + $0.summary(job.summary.kind) } ?? " starting")
    case .stopping(.cancel): return title + " being cancelled"
    case .stopping(.hold): return title + " being held"
    case .stopping(.timeLimit): return title + " at its time limit"
    case .stopping(.hung): return title + " hangs and is being stopped"
    case .stopping(.requeue): return title + " writing its checkpoint"
    case .orphaned: return title + " waiting for the worker of an earlier daemon to stop"
    case .queued, .deferred, .held, .recording: return nil
    }
  }

  /// A job that waits for its next try.
  private func setback(_ job: ActiveJob) -> String? {
    guard case .deferred(let reason) = job.phase else { return nil }
    return "job \(job.summary.id) will be tried again: \(reason)"
  }
}

extension Progress {
  /// `step 1200/8000, loss 0.031, 9 min left`.
  fileprivate func summary(_ kind: String) -> String {
    var parts = ["\(kind == "train" ? "step" : "image") \(step)/\(steps)"]
    if let loss { parts.append("loss \(significant(loss, digits: 2))") }
    if let bitsPerDimension { parts.append("\(significant(bitsPerDimension, digits: 3)) bits/dim") }
    if let time = secondsLeft.flatMap(timeLeft) { parts.append(time + " left") }
    return parts.joined(separator: ", ")
  }
}

/// Time in the largest unit that fits, rounded: `45 s`, `9 min`, `2 h 5 min`, `3 d 4 h`.
private func timeLeft(_ seconds: Double) -> String? {
  guard seconds >= 0, seconds < 1e9 else { return nil }
  let whole = Int(seconds.rounded())
  if whole < 60 { return "\(whole) s" }
  let minutes = (whole + 30) / 60
  if minutes < 60 { return "\(minutes) min" }
  if minutes < 48 * 60 { return "\(minutes / 60) h \(minutes % 60) min" }
  return "\(minutes / 1440) d \(minutes % 1440 / 60) h"
}
