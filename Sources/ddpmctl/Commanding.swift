import DurableIO
import Jobs
import Spool
import StrictJSON

/// Puts commands about jobs into the spool.
extension SpoolOptions {
  /// Gives `command` about each of the jobs, and says what became of it.
  ///
  /// - what: What was refused, if it was: "cancellation".
  /// - candidate: Which of several jobs with one name are meant rather than others.
  /// - isPointless: Why a job need not be commanded so, in a sentence.
  /// - outcome: What is said once the command is accepted.
  func give(
    _ command: JobCommand, to jobs: [JobReference], what: String,
    preferring candidate: (SpoolReader.Job) -> Bool,
    unless isPointless: (JobView) -> String? = { _ in nil }, outcome: (JobView) -> String
  ) throws {
    let interrupt = Interrupt()
    // All are looked up before any is commanded.
    let views = try jobs.map { try job($0, preferring: candidate) }
    for view in views {
      if let reason = isPointless(view) { throw Refusal(reason) }
      let file = Command.job(view.id, command).json.serialized() + "\n"
      let token = try attempt { try Submission.submit(Array(file.utf8), to: layout) }
      _ = try decision(on: token, what: what, interrupt)
      say(outcome(view))
    }
  }
}
