import ArgumentParser
import DurableIO
import Jobs
import Spool

/// Follows a job to its end on standard error.
///
/// Only looks, four times a second. Ctrl-C ends the looking and leaves the job alone.
struct Follower {
  let options: SpoolOptions
  let interrupt: Interrupt
  private var line = LiveLine()
  private var hasDaemon = true
  /// Why the job is not running straight on, as last told.
  private var reason: String?

  init(_ options: SpoolOptions, _ interrupt: Interrupt) {
    self.options = options
    self.interrupt = interrupt
  }

  /// Waits for admission; the numbers of the jobs.
  ///
  /// Throws: `Refusal` where the job is refused or Ctrl-C ends the wait.
  mutating func admission(of token: Submission.Token) throws -> ClosedRange<Int> {
    var looks = 0
    while true {
      switch try options.outcome(of: token) {
      case .accepted(let job):
        line.clear()
        return job...job
      case .acceptedArray(let ids):
        line.clear()
        return ids
      case .rejected(let reason):
        line.clear()
        throw Refusal("the job was refused: \(reason)", Exit.wrongFile)
      case .pending: break
      }
      looks += 1
      if interrupt.pause() {
        // Admission takes a moment; that is not worth a word.
        if looks < 4 { continue }
        lookForDaemon()
        let problem = try attempt { try options.reader.daemonProblem() }
        line.show(
          "the job waits in \(options.layout.drop) to be taken in"
            + (problem.map { ": \($0)" } ?? ""))
      } else {
        line.clear()
        throw Refusal(
          "stopped waiting; the job stays in \(options.layout.drop) until ddpmd takes it in",
          Exit.interrupted)
      }
    }
  }

  /// Waits for the ends of all jobs, one after the other, and says how each ended.
  ///
  /// Throws: the exit code for the first that is not done.
  mutating func end(ofAll ids: some Sequence<Int>) throws {
    var code: ExitCode?
    for id in ids {
      do {
        try end(of: id)
      } catch let error as ExitCode {
        code = code ?? error
      }
    }
    if let code { throw code }
  }

  /// Waits for the job's end, and says how it ended.
  ///
  /// Throws: the exit code, unless the job is done.
  mutating func end(of id: Int) throws {
    while true {
      let view = try options.job(.number(id))
      if view.job.state.isFinal {
        line.note(options.ending(of: view))
        if let code = Exit.code(for: view.job.state) { throw code }
        return
      }
      lookForDaemon()
      if let reason = view.reason, reason != self.reason, !view.isInterrupted {
        line.note("\(view.title): \(reason)")
      }
      reason = view.reason
      show(view)
      if !interrupt.pause() {
        line.clear()
        throw Refusal(
          "stopped waiting; job \(id) goes on. Follow it again with: "
            + options.command("watch \(id)"), Exit.interrupted)
      }
    }
  }

  private mutating func lookForDaemon() {
    let hadDaemon = hasDaemon
    hasDaemon = options.hasDaemon
    if hadDaemon && !hasDaemon {
      line.note("ddpmd is not running; nothing goes on until it starts: \(options.startCommand)")
    } else if !hadDaemon && hasDaemon {
      line.note("ddpmd is running")
    }
  }

  private mutating func show(_ view: JobView) {
    let attempt = view.job.entry.attempts > 1 ? ", attempt \(view.job.entry.attempts)" : ""
    if view.job.state != .running || !hasDaemon {
      line.show("\(view.title): \(hasDaemon ? view.stateText + attempt : "waiting for ddpmd")")
    } else if let progress = view.progressLine {
      line.show(progress)
    } else {
      line.show("\(view.title): starting\(attempt)")
    }
  }
}

extension SpoolOptions {
  /// What became of a submission.
  func outcome(of token: Submission.Token) throws -> Submission.Outcome {
    try attempt { try Submission.outcome(of: token, in: layout) }
  }

  /// One sentence about a job that is over, and where to look next.
  func ending(of view: JobView) -> String {
    switch view.job.state {
    case .done: "\(view.title) is done; results: \(view.directory.results)"
    case .cancelled: "\(view.title) was cancelled"
    case .failed:
      "\(view.title) failed: \(view.job.entry.reason?.printable ?? "no reason was recorded")"
        // A worker that ends in order has said it all; one that crashed may have left words.
        + (view.job.entry.crashes > 0 ? "; see: \(command("logs \(view.id)"))" : "")
    case .queued, .running, .deferred, .held: "\(view.title) is \(view.stateAndReason)"
    }
  }
}
