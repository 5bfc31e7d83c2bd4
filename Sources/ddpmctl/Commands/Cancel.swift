import ArgumentParser
import Jobs
import Spool

struct Cancel: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Cancel jobs; a running one stops at its next step.",
    discussion: "Of several jobs with one name the newest that is not over is cancelled.")

  @OptionGroup var spool: SpoolOptions

  @Argument(
    help: "The jobs' numbers or names, or ranges of numbers as 17-19.",
    completion: .jobs(JobState.unfinished), transform: jobSelection)
  var jobs: [JobSelection]

  func run() throws {
    try spool.give(
      .cancel, to: jobs, what: "cancellation", preferring: { !$0.state.isFinal },
      unless: { view in
        view.job.state.isFinal
          ? .needless("\(spool.ending(of: view)); there is nothing to cancel") : nil
      },
      outcome: { view in
        switch view.job.state {
        case .running: "\(view.title) stops at its next step"
        case .cancelled: "\(view.title) is cancelled"
        default: "\(view.title) is being cancelled"
        }
      })
  }
}
