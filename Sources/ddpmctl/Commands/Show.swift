import ArgumentParser
import DurableIO
import Jobs
import Spool
import StrictJSON

struct Show: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show a job: its state, what happened to it, and what it asks for.")

  @OptionGroup var spool: SpoolOptions

  @Flag(help: "Print JSON: the job with its events, and its file with every default filled in.")
  var json = false

  @Argument(help: "The job's number or name.")
  var job: JobReference

  func run() throws {
    let view = try spool.job(job)
    let events = try attempt { try spool.reader.events(of: view.id) }
    if json {
      var object = view.json.object ?? JSONObject()
      object["events"] = .array(events.map(\.json))
      object["job"] = view.job.envelope?.spec.json ?? nil
      print(JSONValue.object(object).serialized(pretty: true))
      return
    }
    var rows = [["State", stateText(view)]]
    if let line = view.progressLine {
      rows.append(["Progress", line.facts.joined(separator: ", ")])
    }
    rows.append(["Attempt", "\(view.job.entry.attempt)"])
    if let envelope = view.job.envelope {
      rows.append([
        "Submitted",
        "\(envelope.submitted) by \(userName(envelope.submitter)), as \(envelope.fileName)",
      ])
    }
    rows.append(["Directory", view.directory.path])
    if view.job.state == .done { rows.append(["Results", view.directory.results]) }
    print(view.title)
    print(table(rows.map { ["  " + $0[0]] + $0[1...] }))
    if !events.isEmpty {
      print("\nEvents")
      for event in events {
        print("  \(event.time)  \(event.kind.rawValue)\(detail(event))")
        for line in event.logLines { print("    | \(line)") }
      }
    }
    if let spec = view.job.envelope?.spec {
      print("\nJob")
      print(spec.json.serialized(pretty: true))
    }
  }

  private func stateText(_ view: JobView) -> String {
    view.stateText + (view.job.entry.reason.map { ": \($0)" } ?? "")
      + (view.job.entry.notBefore.map { ", until \($0)" } ?? "")
  }

  private func detail(_ event: JobEvent) -> String {
    (event.attempt > 0 ? ", attempt \(event.attempt)" : "")
      + (event.reason.map { ": \($0)" } ?? "")
  }
}
