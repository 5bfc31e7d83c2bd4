import ArgumentParser
import DurableIO
import Jobs
import Spool
import StrictJSON

struct Show: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show jobs: their state, what happened to them, and what they ask for.")

  @OptionGroup var spool: SpoolOptions

  @Flag(help: "Print JSON: the job with its events, and its file with every default filled in.")
  var json = false

  @Flag(name: .customLong("job"), help: "Print the job's file alone, every default filled in.")
  var jobFile = false

  @Argument(
    help: "The jobs' numbers or names, or ranges of numbers as 17-19.", completion: .jobs(),
    transform: jobSelection)
  var jobs: [JobSelection]

  func run() throws {
    for (index, view) in try jobs.flatMap({ try spool.jobs($0) }).enumerated() {
      if index > 0 && !json && !jobFile { print() }
      try show(view)
    }
  }

  private func show(_ view: JobView) throws {
    let events = try attempt { try spool.reader.events(of: view.id) }
    if json {
      var object = view.json.object ?? JSONObject()
      object["events"] = .array(events.map(\.json))
      object["job"] = view.job.envelope?.spec.json ?? nil
      print(JSONValue.object(object).serialized(pretty: true))
      return
    }
    if jobFile {
      guard let spec = view.job.envelope?.spec else {
        throw Refusal(view.job.absence ?? "this ddpmctl cannot read \(view.directory.job)")
      }
      print(spec.json.serialized(pretty: true))
      return
    }
    var rows = [["State", view.stateAndReason]]
    if let line = view.progressLine {
      rows.append(["Progress", line.facts.joined(separator: ", ")])
    }
    if let array = view.job.envelope?.array {
      let jobs = "\(array.first)-\(array.first + array.count - 1)"
      rows.append([
        "Array", "job \(array.place) of \(array.count), jobs \(jobs): \(array.description)",
      ])
    }
    if view.job.entry.priority != 0 { rows.append(["Priority", "\(view.job.entry.priority)"]) }
    if events.contains(where: { $0.kind == .started }) {
      rows.append(["Attempt", "\(view.job.entry.attempts)"])
    }
    if let amendment = view.job.amendment {
      rows.append(["Extended", "to \(amendment.steps) steps"])
    }
    if let time = view.timeRun {
      let limit = view.job.envelope?.spec.queue.timeLimit
      rows.append([
        "Ran", time + (limit.map { " of at most \(TimeSpan.words(seconds: $0))" } ?? ""),
      ])
    }
    if let envelope = view.job.envelope {
      // The names that ddpmctl itself chooses say nothing.
      let name =
        Submission.Token(fileName: envelope.fileName) == nil ? ", as \(envelope.fileName)" : ""
      rows.append([
        "Submitted", "\(envelope.submitted) by \(userName(envelope.submitter))\(name)",
      ])
    }
    if let bytes = try? readFile(view.directory.inputs),
      let model = (try? JSONValue(parsing: bytes))?["model"]?.string
    {
      rows.append(["Model", model])
    }
    rows.append(["Directory", view.directory.path])
    if view.job.state == .done {
      rows.append(["Results", view.directory.results])
      if let line = evaluationLine(view.directory) { rows.append(["NLL", line]) }
    }
    print(view.title)
    let lines = table(rows.map { ["  " + $0[0]] + $0[1...] }).split(separator: "\n")
    for (line, color) in zip(lines, [view.color] + lines.map { _ in nil }) {
      print(String(line), color: color)
    }
    if !events.isEmpty {
      print("\nEvents")
      for event in events {
        let attempt = event.attempt > 0 ? ", attempt \(event.attempt)" : ""
        // What the state says already is not said again, nor what a worker also wrote to its log.
        let isSaid = event == events.last && event.reason == view.job.entry.reason
        let reason = isSaid ? "" : event.reason.map { ": \($0)" } ?? ""
        print("  \(event.time)  \(event.kind.rawValue)\(attempt)\(reason.printable)")
        for line in event.logLines where !(event.reason.map(line.contains) ?? false) {
          print("    | \(line.printable)")
        }
      }
    }
    if view.job.absence == nil {
      print("\nIts job file: \(spool.command("show \(view.id) --job"))")
    }
  }
}
