import ArgumentParser
import DurableIO
import Jobs
import Spool

struct Watch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Follow jobs to their end.",
    discussion: """
      The exit code is the job's own outcome: 0 done, 1 failed, 2 cancelled; of several jobs that of \
      the first that is not done. Ctrl-C leaves the jobs alone.
      """)

  @OptionGroup var spool: SpoolOptions

  @Argument(
    help: ArgumentHelp(
      "The jobs' numbers or names, or ranges of numbers as 17-19. Default: the job that runs, or "
        + "runs next."),
    completion: .jobs(JobState.unfinished), transform: jobSelection)
  var jobs: [JobSelection] = []

  func run() throws {
    let ids = try jobs.isEmpty ? [current()] : jobs.flatMap { try spool.jobs($0).map(\.id) }
    var follower = Follower(spool, Interrupt())
    try follower.end(ofAll: ids)
  }

  private func current() throws -> Int {
    try spool.requireSpool()
    let queue = JobQueue(spool.layout)
    let current = try attempt {
      try [JobState.running, .queued, .deferred].lazy.compactMap { try queue.ids(in: $0).first }
        .first
    }
    guard let current else {
      throw Refusal("no job is running or queued; see: \(spool.command("list"))")
    }
    return current
  }
}
