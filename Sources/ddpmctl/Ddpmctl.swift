import ArgumentParser
import Jobs

/// What people type: reads the state that the daemon keeps on disk, and writes into `drop/`.
///
/// Never talks to the daemon itself and needs no privilege, so everything but admission works
/// while no daemon runs. What a script reads goes to standard output, all else to standard error.
@main
struct Ddpmctl: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ddpmctl",
    abstract: "Submit jobs to ddpmd and follow them.",
    discussion: """
      JOB is a job's number or name; of several jobs with one name the newest is meant.

      Exit codes: 0 done, 1 not possible or the job failed, 2 the job was cancelled, 64 wrong \
      usage, 65 the job file is wrong, 75 not decided yet, 130 waiting was interrupted.
      """,
    version: ddpmdVersion,
    groupedSubcommands: [
      CommandGroup(
        name: "Jobs",
        subcommands: [
          Submit.self, List.self, Show.self, Logs.self, Watch.self, Cancel.self, Results.self,
        ]),
      CommandGroup(name: "The daemon", subcommands: [Status.self]),
      CommandGroup(name: "Job files", subcommands: [Validate.self, Schema.self]),
    ])

  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let refusal as Refusal {
      for line in refusal.message.split(separator: "\n") { say("ddpmctl: \(line)") }
      exit(withError: refusal.code)
    } catch {
      exit(withError: error)
    }
  }
}
