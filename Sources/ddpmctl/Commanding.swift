import DurableIO
import Jobs
import Spool

/// Puts commands about jobs into the spool.
extension SpoolOptions {
  /// Gives `command` about each of the jobs, and says what became of it.
  ///
  /// - what: What was refused, if it was: "cancellation".
  /// - candidate: Which of several jobs with one name are meant rather than others, and which of a
  ///   range are meant at all.
  /// - objection: Why a job is not commanded so.
  /// - outcome: What is said once the command is accepted.
  func give(
    _ command: JobCommand, to jobs: [JobSelection], what: String,
    preferring candidate: (SpoolReader.Job) -> Bool,
    unless objection: (JobView) -> Objection? = { _ in nil }, outcome: (JobView) -> String
  ) throws {
    let interrupt = Interrupt()
    var troubles = Troubles()
    // All are looked up before any is commanded; what is impossible for one does not keep others.
    let views = try jobs.flatMap {
      try self.jobs(
        $0, preferring: candidate, unless: objection, refuse: { troubles.add($0) })
    }
    // The daemon takes in many commands as fast as one.
    let given = try views.map { ($0, try submit(.job($0.id, command))) }
    var waited = 0
    for (view, token) in given {
      do {
        _ = try decision(on: token, what: what, interrupt, waited: &waited)
        say(outcome(view))
      } catch let refusal as Refusal {
        troubles.add(refusal)
        if troubles.wereInterrupted { break }
      }
    }
    try troubles.end()
  }
}
