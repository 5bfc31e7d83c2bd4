import ArgumentParser
import DurableIO
import Jobs
import Spool
import StrictJSON

struct List: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List jobs.")

  @OptionGroup var spool: SpoolOptions

  @Option(
    help: ArgumentHelp(
      "Only jobs in this state: \(JobState.allCases.map(\.rawValue).joined(separator: ", ")). "
        + "May be repeated.", valueName: "state"),
    completion: .choice(of: JobState.self), transform: choice)
  var state: [JobState] = []

  @Flag(help: "Print JSON: an array with one object a job.")
  var json = false

  func run() throws {
    try spool.requireSpool()
    let jobs = try attempt { try spool.reader.jobs() }
    let views = jobs.filter { state.isEmpty || state.contains($0.state) }
      .map(spool.view)
    if json {
      print(JSONValue.array(views.map(\.json)).serialized(pretty: true))
    } else if views.isEmpty {
      say(
        jobs.isEmpty
          ? "no jobs; submit one with: \(spool.command("submit FILE"))"
          : "no job is \(state.map(\.rawValue).joined(separator: " or "))")
    } else {
      var rows = [["JOB", "NAME", "KIND", "STATE", "PROGRESS", "AGE", "REASON"]] + views.map(row)
      if views.contains(where: { $0.job.entry.priority != 0 }) {
        rows[0].insert("PRIORITY", at: 4)
        for (index, view) in views.enumerated() {
          rows[index + 1].insert("\(view.job.entry.priority)", at: 4)
        }
      }
      let text = table(rows)
      for line in text.split(separator: "\n") { print(cut(line)) }
    }
  }

  private func row(_ view: JobView) -> [String] {
    [
      "\(view.id)", view.listName, view.kind, view.stateText, view.progressText,
      view.job.envelope.map { ageText($0.submitted) } ?? "?",
      view.explanation?.split(separator: "\n").first.map(String.init) ?? "",
    ]
  }

  /// A row stays on its line where somebody looks at it; 'show' says the rest.
  private func cut(_ line: Substring) -> String {
    let width = Terminal.output.width
    return Terminal.output.isInteractive && line.count > width
      ? line.prefix(width - 3) + "..." : String(line)
  }
}

/// Rows in columns as wide as their widest cell.
func table(_ rows: [[String]]) -> String {
  let columns = rows.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in
    rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
  }
  return rows.map { row in
    let line = zip(row, widths).map { cell, width in
      cell + String(repeating: " ", count: width - cell.count)
    }.joined(separator: "  ")
    return String(line.reversed().drop { $0 == " " }.reversed())
  }.joined(separator: "\n")
}
