import ArgumentParser
import DurableIO
import GuardedFiles
import Jobs
import Spool
import StrictJSON

struct List: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List jobs: what waits and runs, and what ended last.",
    discussion: """
      Of the jobs that are over the \(endedShown) that ended last are listed, unless jobs are named, \
      or with --all or --json; what is left out is said on standard error. AGE is the time since a \
      job was submitted.
      """)

  /// So many of the jobs that are over are listed unless more are asked for.
  private static let endedShown = 20

  @OptionGroup var spool: SpoolOptions

  @Option(
    help: ArgumentHelp(
      "Only jobs in this state: \(StateChoice.allCases.words); those that timed out are also among "
        + "the failed ones. May be repeated.", valueName: "state"),
    completion: .choice(of: StateChoice.self), transform: choice)
  var state: [StateChoice] = []

  @Option(
    help: ArgumentHelp("Only jobs of this user, a name or number.", valueName: "user"),
    transform: User.init)
  var user: User?

  @Flag(help: "List also all jobs that are over.")
  var all = false

  @Flag(help: "Print JSON: an array with one object a job, also for all that are over.")
  var json = false

  @Argument(
    help: "Only these: jobs' numbers, names, or ranges of numbers as 17-19.",
    completion: .jobs(), transform: jobSelection)
  var jobs: [JobSelection] = []

  func run() throws {
    try spool.requireSpool()
    if json {
      return print(JSONValue.array(try collect(\.json).jobs).serialized(pretty: true))
    }
    let (jobRows, unread) = try collect(ended: all ? nil : Self.endedShown, Row.init)
    if jobRows.isEmpty {
      let isOfAll = state.isEmpty && user == nil && jobs.isEmpty
      say(
        isOfAll
          ? "no jobs; submit one with: \(spool.command("submit FILE"))"
          : user == nil && jobs.isEmpty
            ? "no job is \(state.map(\.rawValue).joined(separator: " or "))"
            : "no job is of that kind")
    } else {
      try show(jobRows)
    }
    if unread > 0 {
      // Of those that were not read it is not known whose they are.
      let isCounted = user == nil && !state.contains(where: \.isPart)
      let what = isCounted ? "\(unread) job\(unread == 1 ? "" : "s")" : "jobs"
      say("\(what) that ended earlier are not listed; list them with: \(commandForAll)")
    }
  }

  /// This command, for all jobs.
  private var commandForAll: String {
    let filters =
      state.map { " --state \($0.rawValue)" }
      + (user.map { [" --user \(shellWord($0.name))"] } ?? [])
    return spool.command("list --all" + filters.joined())
  }

  private func show(_ jobRows: [Row]) throws {
    let titles = ["JOB", "NAME", "KIND", "STATE", "PRIORITY", "PROGRESS", "AGE", "REASON"]
    var rows = [titles] + jobRows.map(\.cells)
    if !jobRows.contains(where: \.hasPriority) {
      for index in rows.indices { rows[index].remove(at: 4) }
    }
    // A row stays on its line where somebody looks at it; 'show' says the rest.
    let width = Terminal.output.isInteractive ? Terminal.output.width : .max
    for (line, color) in zip(table(rows).split(separator: "\n"), [nil] + jobRows.map(\.color)) {
      let cut = line.count > width ? line.prefix(width - 3) + "..." : line
      print(String(cut), color: color)
    }
    // What is said next is to stand below.
    try attempt { try StandardOutput.finish() }
  }

  /// What `form` makes of each of the jobs that are meant, by rising number; how many of those that are
  /// over were not looked at.
  ///
  /// - limit: So many of those that are over are enough.
  private func collect<Form>(
    ended limit: Int? = nil, _ form: (JobView) -> Form
  ) throws -> (jobs: [Form], unread: Int) {
    let view = spool.viewer()
    func formed(_ job: SpoolReader.Job) -> Form? {
      guard state.includes(job), user == nil || job.envelope?.submitter == user?.number else {
        return nil
      }
      return form(view(job))
    }
    if jobs.isEmpty {
      return try attempt {
        guard let limit else {
          return (try spool.reader.jobs(in: state.states, formed).compactMap(\.self), 0)
        }
        return try spool.reader.jobs(in: state.states, ended: limit, formed)
      }
    }
    var chosen: [Int: SpoolReader.Job] = [:]
    for selection in jobs {
      for job in try spool.allJobs(selection) { chosen[job.id] = job }
    }
    return (chosen.values.sorted { $0.id < $1.id }.compactMap(formed), 0)
  }

  /// A job in the table.
  private struct Row {
    let cells: [String]
    let color: Int?
    /// Whether its priority means something.
    let hasPriority: Bool

    init(_ view: JobView) {
      cells = [
        "\(view.id)", view.listName, view.kind, view.stateText,
        "\(view.job.entry.priority)", view.progressText,
        view.job.envelope.map { ageText($0.submitted) } ?? "?",
        view.explanation ?? "",
      ]
      color = view.color
      hasPriority = view.job.entry.priority != 0 && !view.job.state.isFinal
    }
  }

  /// A user as the command line has it.
  struct User {
    let name: String
    let number: UInt32

    init(_ name: String) throws { (self.name, number) = (name, try userNumber(name)) }
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
