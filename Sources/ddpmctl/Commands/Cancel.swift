import ArgumentParser
import DurableIO
import Jobs
import Spool
import StrictJSON

struct Cancel: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Cancel jobs; a running one stops at its next step.",
    discussion: "Of several jobs with one name the newest that is not over is cancelled.")

  @OptionGroup var spool: SpoolOptions

  @Argument(help: "The jobs' numbers or names.", transform: jobReference)
  var jobs: [JobReference]

  func run() throws {
    let interrupt = Interrupt()
    // All are looked up before any is cancelled.
    let views = try jobs.map { try spool.job($0, preferring: { !$0.state.isFinal }) }
    for view in views {
      if view.job.state.isFinal {
        throw Refusal("\(spool.ending(of: view)); there is nothing to cancel")
      }
      let command = Command.cancel(job: view.id).json.serialized() + "\n"
      let token = try attempt { try Submission.submit(Array(command.utf8), to: spool.layout) }
      _ = try spool.decision(on: token, what: "cancellation", interrupt)
      say(
        view.job.state == .running
          ? "\(view.title) stops at its next step" : "\(view.title) is cancelled")
    }
  }
}
