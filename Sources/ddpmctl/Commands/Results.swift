import ArgumentParser
import Jobs
import Spool

struct Results: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the path of a finished job's results.",
    discussion: "Of several jobs with one name the newest is meant, also if it has no results.")

  @OptionGroup var spool: SpoolOptions

  @Argument(
    help: "The job's number or name.", completion: .jobs([.done]), transform: jobReference)
  var job: JobReference

  func run() throws {
    let view = try spool.job(job)
    switch view.job.state {
    case .done:
      print(view.directory.results)
      // Beside the path, which scripts read.
      if let line = evaluationLine(view.directory) { say("NLL: \(line)") }
    case .failed, .cancelled:
      throw Refusal("there are no results: \(spool.ending(of: view))")
    case .queued, .running, .deferred, .held:
      throw Refusal(
        "there are no results yet: \(spool.ending(of: view)); wait for it with: "
          + spool.command("watch \(view.id)"))
    }
  }
}
