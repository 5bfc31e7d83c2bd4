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

  @Option(
    help: ArgumentHelp("Only jobs of this user, a name or number.", valueName: "user"),
    transform: userNumber)
  var user: UInt32?

  @Flag(help: "Print JSON: an array with one object a job.")
  var json = false

  @Argument(
    help: "Only these: jobs' numbers, names, or ranges of numbers as 17-19. Default: all.",
    completion: .jobs(), transform: jobSelection)
  var jobs: [JobSelection] = []

  func run() throws {
    try spool.requireSpool()
    if json {
      return print(JSONValue.array(try collect(\.json)).serialized(pretty: true))
    }
    let jobRows = try collect { (cells: row($0), color: $0.color) }
    if jobRows.isEmpty {
      let isOfAll = state.isEmpty && user == nil && jobs.isEmpty
      say(
        isOfAll
          ? "no jobs; submit one with: \(spool.command("submit FILE"))"
          : user == nil && jobs.isEmpty
            ? "no job is \(state.map(\.rawValue).joined(separator: " or "))"
            : "no job is of that kind")
    } else {
      let titles = ["JOB", "NAME", "KIND", "STATE", "PRIORITY", "PROGRESS", "AGE", "REASON"]
      var rows = [titles] + jobRows.map(\.cells)
      if !jobRows.contains(where: { $0.cells[4] != "0" }) {
        for index in rows.indices { rows[index].remove(at: 4) }
      }
      // A row stays on its line where somebody looks at it; 'show' says the rest.
      let width = Terminal.output.isInteractive ? Terminal.output.width : .max
      for (line, color) in zip(table(rows).split(separator: "\n"), [nil] + jobRows.map(\.color)) {
        let cut = line.count > width ? line.prefix(width - 3) + "..." : line
        print(String(cut), color: color)
      }
    }
  }

  /// What `form` makes of each of the jobs that are meant, by rising number.
  private func collect<Form>(_ form: (JobView) -> Form) throws -> [Form] {
    let states = Set(state.isEmpty ? JobState.allCases : state)
    let view = spool.viewer()
    func formed(_ job: SpoolReader.Job) -> Form? {
      user != nil && job.envelope?.submitter != user ? nil : form(view(job))
    }
    if jobs.isEmpty {
      return try attempt { try spool.reader.jobs(in: states, formed) }.compactMap(\.self)
    }
    var chosen: [Int: SpoolReader.Job] = [:]
    for selection in jobs {
      for job in try spool.allJobs(selection) { chosen[job.id] = job }
    }
    return chosen.values.filter { states.contains($0.state) }.sorted { $0.id < $1.id }
      .compactMap(formed)
  }

  private func row(_ view: JobView) -> [String] {
    [
      "\(view.id)", view.listName, view.kind, view.stateText,
      "\(view.job.entry.priority)", view.progressText,
      view.job.envelope.map { ageText($0.submitted) } ?? "?",
      view.explanation ?? "",
    ]
  }
}

/// Rows in columns as wide as their widest cell, each row a line.
func table(_ rows: [[String]]) -> String {
  let rows = rows.map { $0.map(\.printable) }
  let columns = rows.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in
    rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
  }
  return rows.map { row in
    var line = ""
    for (cell, width) in zip(row, widths) {
      line += cell + String(repeating: " ", count: width - cell.count + 2)
    }
    while line.hasSuffix(" ") { line.removeLast() }
    return line
  }.joined(separator: "\n")
}
