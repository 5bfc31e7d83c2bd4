import ArgumentParser
import Jobs
import Spool
import StrictJSON

struct Prioritize: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "priority",
    abstract: "Change what runs first.",
    discussion: """
      Of the jobs that wait, those of higher priority start first, and those of one priority in \
      the order of their numbers. No running job is interrupted.
      """)

  @OptionGroup var spool: SpoolOptions

  @Argument(
    help: "The job's number or name, or a range of numbers as 17-19.",
    completion: .jobs(JobState.unfinished), transform: jobSelection)
  var job: JobSelection

  @Argument(help: "From -1000 to 1000; jobs have 0 unless their files say otherwise.")
  var priority: Int

  func validate() throws {
    guard (-1000...1000).contains(priority) else {
      throw ValidationError("allowed is a priority from -1000 to 1000")
    }
  }

  func run() throws {
    try spool.give(
      .prioritize(priority), to: [job], what: "priority", preferring: { !$0.state.isFinal },
      unless: spool.over,
      outcome: { "\($0.title) has priority \(priority)" })
  }
}
