import ArgumentParser
import DurableIO
import Jobs
import Spool

/// Follows a job to its end on standard error: a bar on a terminal, plain lines elsewhere.
///
/// Only looks. Ctrl-C ends the looking and leaves the job alone.
struct Follower {
  let options: SpoolOptions
  let interrupt = Interrupt()

  /// The line on the terminal that the next one replaces, or the last plain line.
  private var shown = ""
  /// Looks since the last plain line.
  private var looks = 0
  private var attempt: Int?

  init(_ options: SpoolOptions) { self.options = options }

  /// Waits for admission; the job's number.
  ///
  /// Throws: the exit code where the job is refused or Ctrl-C ends the wait.
  mutating func admission(of token: Submission.Token) throws -> Int {
    while true {
      switch try options.outcome(of: token) {
      case .accepted(let job): return job
      case .rejected(let reason):
        clear()
        throw refusal("the job was refused: \(reason)", Exit.wrongFile)
      case .pending: break
      }
      show(
        options.hasDaemon
          ? "waiting for ddpmd to take the job in"
          : "ddpmd is not running; the job waits in \(options.layout.drop); start it with: "
            + options.startCommand)
      guard interrupt.pause() else {
        clear()
        throw refusal(
          "stopped waiting; the job stays in \(options.layout.drop) and is taken in by ddpmd",
          Exit.interrupted)
      }
    }
  }

  /// Waits for the job's end, and says how it ended.
  ///
  /// Throws: the exit code, unless the job is done.
  mutating func end(of id: Int) throws {
    while true {
      let view = try options.job(.number(id))
      if view.job.state.isFinal {
        clear()
        say(options.ending(of: view))
        if let code = Exit.code(for: view.job.state) { throw code }
        return
      }
      if let attempt, view.job.entry.attempt > attempt {
        clear()
        say(
          "\(view.title): attempt \(view.job.entry.attempt)"
            + (view.job.entry.reason.map { ": \($0)" } ?? ""))
      }
      attempt = view.job.entry.attempt
      show(view)
      guard interrupt.pause() else {
        clear()
        throw refusal(
          "stopped waiting; job \(id) goes on. Follow it again with: "
            + options.command("watch \(id)"), Exit.interrupted)
      }
    }
  }

  private mutating func show(_ view: JobView) {
    if !options.hasDaemon {
      show(
        "\(view.title): \(view.stateText), but ddpmd is not running; start it with: "
          + options.startCommand)
    } else if view.job.state == .running, let progress = view.job.progress {
      let line = ProgressLine(title: view.title, unit: view.unit, progress: progress)
      if Terminal.errors.isInteractive {
        draw(line.bar(width: Terminal.errors.width, unicode: Terminal.isUnicode))
      } else if looks >= 40 || shown.isEmpty || progress.step == progress.steps {
        write(line.plain)
      } else {
        looks += 1
      }
    } else {
      let reason = view.job.entry.reason.map { ": \($0)" } ?? ""
      show("\(view.title): \(view.job.state == .running ? "starting" : view.stateText)\(reason)")
    }
  }

  private mutating func show(_ text: String) {
    if Terminal.errors.isInteractive {
      draw(String(text.prefix(Terminal.errors.width - 1)))
    } else {
      write(text)
    }
  }

  private mutating func write(_ line: String) {
    looks = 0
    if line != shown { say(line) }
    shown = line
  }

  private mutating func draw(_ line: String) {
    if line != shown { Terminal.errors.write("\r\(line)\u{1B}[K") }
    shown = line
  }

  /// Takes a redrawn line away, so that the next output begins on a clean one.
  private mutating func clear() {
    if Terminal.errors.isInteractive, !shown.isEmpty { Terminal.errors.write("\r\u{1B}[K") }
    shown = ""
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
      "\(view.title) failed: \(view.job.entry.reason ?? "no reason was recorded"); see: "
        + command("logs \(view.id)")
    case .queued, .running, .deferred, .held: "\(view.title) is \(view.stateText)"
    }
  }
}
