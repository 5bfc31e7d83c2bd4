import ArgumentParser
import DurableIO
import Glibc
import Jobs
import Spool

struct Open: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Open a job's report, or its folder of results.",
    discussion: """
      With xdg-open on a graphical display; where there is none, the path is printed. The report is \
      written below ~/.cache/ddpmctl.
      """)

  @OptionGroup var spool: SpoolOptions

  @Flag(help: "Open the results' folder instead; of a job that is not done, the job's own.")
  var results = false

  @Argument(
    help: "The job's number or name.", completion: .jobs(), transform: jobReference)
  var job: JobReference

  func run() throws {
    let view = try spool.job(job)
    let path = results ? view.directory.pathToOpen(view) : try report(view)
    let hasDisplay = ["WAYLAND_DISPLAY", "DISPLAY"].contains { environment($0)?.isEmpty == false }
    guard hasDisplay else { return print(path) }
    if try !runProgram("xdg-open", [path]) {
      throw Refusal("xdg-open did not open \(path)")
    }
  }

  private func report(_ view: JobView) throws -> String {
    let caches = environment("XDG_CACHE_HOME") ?? environment("HOME").map { $0 + "/.cache" }
    guard let caches, caches.hasPrefix("/") else {
      throw Refusal(
        "$HOME is not set; write the report with: \(spool.command("report \(view.id)"))")
    }
    let path = caches + "/ddpmctl/" + view.reportName
    let page = try JobReport(view, in: spool).page
    try attempt {
      try Directory.create(caches + "/ddpmctl", mode: 0o700)
      try AtomicFile.write(page, to: path)
    }
    return path
  }
}

extension JobDirectory {
  fileprivate func pathToOpen(_ view: JobView) -> String {
    view.job.state == .done ? results : path
  }
}

/// Runs a program found in `PATH` to its end; whether it could be started and ended well.
private func runProgram(_ name: String, _ arguments: [String]) throws -> Bool {
  var words = unsafe ([name] + arguments).map { unsafe strdup($0) } + [nil]
  defer { unsafe words.forEach { unsafe free($0) } }
  var child: pid_t = 0
  guard unsafe posix_spawnp(&child, name, nil, nil, &words, environ) == 0 else { return false }
  var status: Int32 = 0
  while unsafe waitpid(child, &status, 0) < 0 { if errno != EINTR { return false } }
  return status == 0
}
