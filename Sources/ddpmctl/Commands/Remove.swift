import ArgumentParser
import DurableIO
import Glibc
import Jobs
import Spool

struct Remove: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Remove jobs that are over, with their results and all their files.",
    discussion: """
      This cannot be undone. Of several jobs with one name the newest is meant, and if that is not \
      over, none.
      """)

  @OptionGroup var spool: SpoolOptions

  @Argument(
    help: "The jobs' numbers or names, or ranges of numbers as 17-19.",
    completion: .jobs(JobState.final), transform: jobSelection)
  var jobs: [JobSelection]

  func run() throws {
    try spool.give(
      .remove, to: jobs, what: "removal", preferring: { _ in true },
      unless: { view in
        view.job.state.isFinal
          ? nil
          : .impossible(
            "\(view.title) is not over; cancel it first: \(spool.command("cancel \(view.id)"))")
      },
      outcome: spool.removal())
  }
}

struct Purge: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Remove many jobs that are over, with their results and all their files.",
    discussion: """
      This cannot be undone; --dry-run shows what would be removed. Only your own jobs are looked \
      at, unless you are root. The daemon itself removes jobs as purge_age and purge_count in its \
      configuration say.
      """)

  @OptionGroup var spool: SpoolOptions

  @Option(
    help: ArgumentHelp("Those that ended longer ago, as 30d or 12h.", valueName: "time"),
    transform: timeSpan)
  var olderThan: Int?

  @Option(help: ArgumentHelp("All but the newest so many.", valueName: "number"))
  var keep: Int?

  @Option(
    help: ArgumentHelp(
      "Only those in this state: \(StateChoice.final.words). May be repeated.", valueName: "state"),
    completion: .list(StateChoice.final.map(\.rawValue)), transform: finalState)
  var state: [StateChoice] = []

  @Flag(help: "Only say which.")
  var dryRun = false

  func validate() throws {
    if olderThan == nil && keep == nil && state.isEmpty {
      throw ValidationError("say which, with --older-than, --keep or --state")
    }
    if let keep, keep < 0 { throw ValidationError("--keep is 0 or more") }
  }

  func run() throws {
    try spool.requireSpool()
    let user = geteuid()
    let states = state.isEmpty ? Set(JobState.final) : state.states
    // Whose a job was that has lost its file nobody knows: it is the spool's owner's.
    let owner = try attempt { try FileStatus(ofLink: spool.layout.state + "/.").owner }
    let jobs = try attempt { try spool.reader.jobs(in: states) }.filter { job in
      let submitter = job.absence == nil ? job.envelope?.submitter : owner
      return state.includes(job) && (user == 0 || submitter == user)
    }
    let now = Timestamp.now().milliseconds
    let due = jobs.dropLast(keep ?? 0).filter { job in
      guard let olderThan else { return true }
      // Of a job that does not say when it ended, it is not known to be that old.
      guard let ended = job.entry.ended else { return false }
      return now - ended.milliseconds > Int64(olderThan) * 1000
    }
    if dryRun {
      for job in due { print("\(spool.view(job).title), \(job.state)") }
    } else {
      try spool.give(
        .remove, to: due.map { .one(.number($0.id)) }, what: "removal", preferring: { _ in true },
        outcome: spool.removal())
    }
    if due.isEmpty { say("there is nothing to remove") }
  }
}

private func timeSpan(_ argument: String) throws -> Int {
  guard let seconds = TimeSpan.seconds(argument) else {
    throw ValidationError("allowed is a time in d, h, m and s, as 30d or 2h30m")
  }
  return seconds
}

extension SpoolOptions {
  /// Says what became of a job whose removal was accepted, once its files are gone or that takes long.
  fileprivate func removal() -> (JobView) -> String {
    let end = ContinuousClock.now + .seconds(5)
    return { view in
      while true {
        guard let remains = try? Directory.exists(layout.jobDirectory(view.id).path), remains else {
          return "\(view.title) is removed"
        }
        let problem = (try? reader.daemonProblem()) ?? nil
        if let problem, problem.contains("job \(view.id): ") {
          return "\(view.title) is removed, but not all of its files: \(problem)"
        }
        if ContinuousClock.now > end {
          return "\(view.title) is removed, but its files are not gone yet; "
            + "what stands in the way is said by: \(command("status"))"
        }
        usleep(20_000)
      }
    }
  }
}
