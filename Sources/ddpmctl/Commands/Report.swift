import ArgumentParser
import Jobs

struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write all there is to know about jobs, into one HTML page for each.",
    discussion: """
      Outcome, curves, likelihood, pictures, timings, history, environment and configuration, of a \
      job in any state. The page loads nothing and runs no script. Its path is printed.
      """)

  @OptionGroup var spool: SpoolOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Where to write it, - for standard output. Default: NAME-NUMBER.html here.",
      valueName: "file"),
    completion: .file(extensions: ["html"]))
  var output: String?

  @Argument(
    help: "The jobs' numbers or names, or ranges of numbers as 17-19.", completion: .jobs(),
    transform: jobSelection)
  var jobs: [JobSelection]

  func run() throws {
    let views = try jobs.flatMap { try spool.jobs($0) }
    if output != nil, views.count > 1 {
      throw ValidationError("--output is for one job; without it each gets a file of its own")
    }
    for view in views {
      let page = try JobReport(view, in: spool).page
      if output == "-" { return Terminal.output.write(page) }
      let path = output ?? view.reportName
      try writeForUser(Array(page.utf8), to: path)
      print(absolutePath(path))
    }
  }
}

extension JobView {
  /// "fashion-mnist-3.html".
  var reportName: String { "\(kind == "?" ? "job" : name)-\(id).html" }
}
