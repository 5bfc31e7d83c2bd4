import ArgumentParser
import Jobs
import StrictJSON

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
      JOB is a job's number or name; of several jobs with one name the newest is meant, by cancel \
      the newest that is not over.

      Exit codes: 0 done, 1 not possible or the job failed, 2 the job was cancelled, 64 wrong \
      usage, 65 the job file or the model is wrong, 75 not decided yet, 78 the \
      daemon's configuration is wrong, 130 waiting was interrupted.
      """,
    version: ddpmdVersion,
    groupedSubcommands: [
      CommandGroup(
        name: "Jobs",
        subcommands: [
          Submit.self, List.self, Show.self, Logs.self, Watch.self, Results.self,
        ]),
      CommandGroup(
        name: "The queue",
        subcommands: [
          Cancel.self, Retry.self, Hold.self, Release.self, Prioritize.self, Extend.self, Edit.self,
          Remove.self, Purge.self,
        ]),
      CommandGroup(
        name: "The daemon",
        subcommands: [Status.self, Top.self, Pause.self, Drain.self, Resume.self, Reload.self]),
      CommandGroup(
        name: "What became of it",
        subcommands: [PlotCommand.self, Compare.self, Diff.self, Report.self, Open.self]),
      CommandGroup(name: "Models", subcommands: [Model.self]),
      CommandGroup(name: "Job files", subcommands: [Validate.self, Schema.self]),
    ])

  // Declared here as well, --root may also stand before the command.
  @OptionGroup var spool: SpoolOptions

  static func main() {
    do {
      try checkCommand(CommandLine.arguments.dropFirst().first)
      var command = try parseAsRoot()
      try command.run()
    } catch let refusal as Refusal {
      for line in refusal.message.split(separator: "\n") { say("ddpmctl: \(line)") }
      exit(withError: refusal.code)
    } catch {
      exit(withError: error)
    }
  }

  /// Refuses a command that there is not with the one that was probably meant.
  private static func checkCommand(_ word: String?) throws {
    let names = ["help"] + configuration.subcommands.map { $0._commandName }
    guard let word, !word.hasPrefix("-"), !names.contains(word) else { return }
    let meant = nearest(to: word, among: names).map { "; did you mean \"\($0)\"?" }
    throw ValidationError("there is no command \"\(word)\"\(meant ?? "")")
  }
}
