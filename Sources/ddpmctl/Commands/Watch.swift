import ArgumentParser
import DurableIO
import Jobs
import Spool

struct Watch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Follow a job to its end.",
    discussion: """
      The exit code is the job's own outcome: 0 done, 1 failed, 2 cancelled. Ctrl-C leaves the job \
      alone.
      """)

  @OptionGroup var spool: SpoolOptions

  @Argument(
    help: "The job's number or name. Default: the job that runs, or runs next.",
    completion: .jobs(JobState.unfinished), transform: jobReference)
  var job: JobReference?

  func run() throws {
    let id = try job.map { try spool.job($0).id } ?? current()
    var follower = Follower(spool, Interrupt())
    try follower.end(of: id)
  }

  private func current() throws -> Int {
    try spool.requireSpool()
    let jobs = try attempt { try spool.reader.jobs() }
    let current =
      jobs.first { $0.state == .running } ?? jobs.first { $0.state == .queued }
      ?? jobs.first { $0.state == .deferred }
    guard let current else {
      throw Refusal("no job is running or queued; see: \(spool.command("list"))")
    }
    return current.id
  }
}
