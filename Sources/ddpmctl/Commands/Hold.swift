import ArgumentParser
import Jobs
import Spool

struct Hold: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Keep jobs from running until they are released.",
    discussion: """
      A running job stops at its next step, with a checkpoint that it goes on from when it is \
      released. Of several jobs with one name the newest that is not over is meant.
      """)

  @OptionGroup var spool: SpoolOptions

  @Argument(
    help: "The jobs' numbers or names, or ranges of numbers as 17-19.",
    completion: .jobs(JobState.unfinished), transform: jobSelection)
  var jobs: [JobSelection]

  func run() throws {
    try spool.give(
      .hold, to: jobs, what: "hold", preferring: { !$0.state.isFinal }, unless: spool.over,
      outcome: { view in
        (view.job.state == .running
          ? "\(view.title) stops at its next step, and waits then"
          : "\(view.title) waits") + "; let it run with: \(spool.command("release \(view.id)"))"
      })
  }
}

struct Release: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Let held jobs run.",
    discussion: "Of several jobs with one name the newest that is held is meant.")

  @OptionGroup var spool: SpoolOptions

  @Argument(
    help: "The jobs' numbers or names, or ranges of numbers as 17-19.",
    completion: .jobs([.held]), transform: jobSelection)
  var jobs: [JobSelection]

  func run() throws {
    try spool.give(
      .release, to: jobs, what: "release",
      preferring: { !$0.state.isFinal && $0.entry.holdRequested },
      unless: { view in
        spool.over(view)
          ?? (view.job.entry.holdRequested ? nil : .needless("\(view.title) is not held"))
      },
      outcome: { "\($0.title) runs when there is room" })
  }
}
