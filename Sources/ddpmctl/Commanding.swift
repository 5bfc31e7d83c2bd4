import DurableIO
import Jobs
import Spool
import StrictJSON

/// Puts commands about jobs into the spool.
extension SpoolOptions {
  /// Gives `command` about each of the jobs, and says what became of it.
  ///
  /// - what: What was refused, if it was: "cancellation".
  /// - candidate: Which of several jobs with one name are meant rather than others, and which of a
  ///   range are meant at all.
  /// - isPointless: Why a job need not be commanded so, in a sentence.
  /// - outcome: What is said once the command is accepted.
  func give(
    _ command: JobCommand, to jobs: [JobSelection], what: String,
    preferring candidate: (SpoolReader.Job) -> Bool,
    unless isPointless: (JobView) -> String? = { _ in nil }, outcome: (JobView) -> String
  ) throws {
    let interrupt = Interrupt()
    // All are looked up before any is commanded.
    let views = try jobs.flatMap {
      try self.jobs($0, preferring: candidate, unless: isPointless)
    }
    // The daemon takes in many commands as fast as one.
    let given = try views.map { view in
      let file = Command.job(view.id, command).json.serialized() + "\n"
      return (view, try submit(Array(file.utf8)))
    }
    var refusal: Refusal?
    for (view, token) in given {
      do {
        _ = try decision(on: token, what: what, interrupt)
        say(outcome(view))
      } catch let error as Refusal {
        if let refusal { say(refusal.message) }
        refusal = error
      }
    }
    if let refusal { throw refusal }
  }
}
