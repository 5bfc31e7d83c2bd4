import ArgumentParser
import Jobs
import Spool

struct Results: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the paths of finished jobs' results.",
    discussion: "Of several jobs with one name the newest is meant, also if it has no results.")

  @OptionGroup var spool: SpoolOptions

  @Argument(
    help: "The jobs' numbers or names, or ranges of numbers as 17-19.", completion: .jobs([.done]),
    transform: jobSelection)
  var jobs: [JobSelection]

  func run() throws {
    // Of several with one name the newest, also without results: an older one's are not its own.
    var troubles = Troubles()
    for view in try jobs.flatMap({ try spool.jobs($0) }) {
      do {
        try show(view)
      } catch let refusal as Refusal {
        troubles.add(refusal)
      }
    }
    try troubles.end()
  }

  private func show(_ view: JobView) throws {
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
