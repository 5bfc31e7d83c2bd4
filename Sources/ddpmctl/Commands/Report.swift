import ArgumentParser
import DurableIO
import Jobs

struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write all there is to know about a job into one HTML page.",
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
    help: "The job's number or name.", completion: .jobs(), transform: jobReference)
  var job: JobReference

  func run() throws {
    let view = try spool.job(job)
    let page = try JobReport(view, in: spool).page
    if output == "-" { return Terminal.output.write(page) }
    let path = absolutePath(output ?? view.reportName)
    try attempt { try AtomicFile.write(page, to: path) }
    print(path)
  }
}

extension JobView {
  /// "fashion-mnist-3.html".
  var reportName: String { "\(kind == "?" ? "job" : name)-\(id).html" }
}
