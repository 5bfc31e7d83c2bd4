import ArgumentParser
import DurableIO
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
      JOB is a job's number or name; of several jobs with one name the newest is meant for which \
      the command makes sense. Where a command takes several jobs, a range of numbers as 17-19 is \
      those of them for which it makes sense.

      The loss beside a job's progress is its training loss, averaged over about the last 50 steps. \
      plot shows the training loss of every step, that of its batch, and a moving average. compare \
      and report give the mean of the last 100 steps and the lowest mean of 100 in a row, or of all \
      where there are fewer. The held-out loss is the mean squared error on images that are never \
      trained on, always with the same noise.

      Exit codes: 0 done, or there was nothing to do; 1 not possible, refused, or the job failed; \
      2 the job was cancelled; 64 wrong usage; 65 the job file or the model is wrong; 75 not \
      decided yet, as ddpmd is not running; 78 the daemon's configuration is wrong; 130 waiting \
      was interrupted. Those of diff are diff's.
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
      do {
        let words = Array(CommandLine.arguments.dropFirst())
        try checkCommand(words)
        var command = try parseAsRoot(settingNumbersApart(words))
        try command.run()
      } catch  where exitCode(for: error) == .success {
        // Help.
        Swift.print(fullMessage(for: error))
      }
      try attempt { try StandardOutput.finish() }
    } catch let refusal as Refusal {
      for line in refusal.message.split(separator: "\n") { say("ddpmctl: \(line)") }
      exit(withError: refusal.code)
    } catch {
      exit(withError: error)
    }
  }

  /// Refuses a command that there is not, also behind `help`, with the one that was probably meant.
  private static func checkCommand(_ words: [String]) throws {
    let isHelp = words.first == "help"
    var command: any ParsableCommand.Type = Ddpmctl.self
    var path = ""
    for word in words.dropFirst(isHelp ? 1 : 0).prefix(while: { !$0.hasPrefix("-") }) {
      let known = command.configuration.subcommands
      if known.isEmpty && !isHelp || word == "help" { return }
      guard let next = known.first(where: { $0._commandName == word }) else {
        let names = known.map { $0._commandName } + ["help"]
        let meant = nearest(to: word, among: names).map { "; did you mean \"\(path)\($0)\"?" }
        throw ValidationError("there is no command \"\(path)\(word)\"\(meant ?? "")")
      }
      command = next
      path += word + " "
    }
  }

  /// The words with negative priorities behind a `--`, so that they do not look like options.
  private static func settingNumbersApart(_ words: [String]) -> [String] {
    guard words.contains(Prioritize._commandName), !words.contains("--") else { return words }
    let numbers = words.filter { $0.hasPrefix("-") && Int($0) != nil }
    return numbers.isEmpty ? words : words.filter { !numbers.contains($0) } + ["--"] + numbers
  }
}
