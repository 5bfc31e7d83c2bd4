import ArgumentParser
import Jobs
import Spool

struct Extend: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Give train jobs more steps.",
    discussion: """
      A job that is over goes on from its last checkpoint, with the state of its optimizer, and \
      ends in the same bits as if it had had that many steps from the start. The results that it \
      has go aside, to results-STEPS in its folder.
      """)

  @OptionGroup var spool: SpoolOptions

  @Option(help: "The job's steps in all, as training.steps in its file.")
  var steps: Int

  @Argument(
    help: "The jobs' numbers or names, or ranges of numbers as 17-19.",
    completion: .jobs(ofKind: "train"), transform: jobSelection)
  var jobs: [JobSelection]

  func validate() throws {
    guard (1...1_000_000_000).contains(steps) else {
      throw ValidationError("allowed are 1 to 1000000000 steps")
    }
  }

  func run() throws {
    try spool.give(
      .extend(steps: steps), to: jobs, what: "extension",
      preferring: { $0.envelope?.spec.kind == "train" },
      outcome: { "\($0.title) has \(steps) steps" })
  }
}
