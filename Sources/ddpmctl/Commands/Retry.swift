import ArgumentParser
import Jobs
import Spool

struct Retry: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run jobs again that failed or were cancelled.",
    discussion: """
      A job keeps its number and goes on from its newest checkpoint. One that waits for its next \
      try runs at once. Of several jobs with one name the newest that failed or was cancelled is \
      meant.
      """)

  @OptionGroup var spool: SpoolOptions

  @Argument(
    help: "The jobs' numbers or names, or ranges of numbers as 17-19.",
    completion: .jobs([.failed, .cancelled, .deferred]), transform: jobSelection)
  var jobs: [JobSelection]

  func run() throws {
    try spool.give(
      .retry, to: jobs, what: "retry",
      preferring: { [.failed, .cancelled, .deferred].contains($0.state) },
      unless: { view in
        switch view.job.state {
        case .done, .running: .impossible(spool.ending(of: view))
        case .queued, .deferred, .held, .failed, .cancelled: nil
        }
      },
      outcome: { "\($0.title) runs when there is room" })
  }
}
