import ArgumentParser
import DurableIO
import Jobs
import Spool
import StrictJSON

struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show whether the daemon runs, what it does, and what waits.")

  @OptionGroup var spool: SpoolOptions

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    try spool.requireSpool()
    let daemon = try attempt { try spool.reader.daemon() }
    let jobs = try attempt { try spool.reader.jobs() }
    let running = jobs.filter { $0.state == .running }.map { JobView($0, in: spool.layout) }
    let counts = JobState.allCases.map { state in
      (state: state, count: jobs.count { $0.state == state })
    }
    let refused = try attempt {
      try Directory.names(in: spool.layout.rejected).filter { $0.hasSuffix(".reason") }.count
    }
    if json {
      let counts = JSONObject(counts.map { ($0.state.rawValue, .integer($0.count)) })
      let object: JSONValue = [
        "daemon": daemon.map { ["pid": .integer($0)] } ?? nil,
        "jobs": .object(counts), "running": .array(running.map(\.json)),
        "rejected_files": .integer(refused), "spool": .string(spool.layout.spool),
        "state": .string(spool.layout.state),
      ]
      print(object.serialized(pretty: true))
      return
    }
    print(
      daemon.map { "ddpmd is running (process \($0))" }
        ?? "ddpmd is not running; start it with: \(spool.startCommand)")
    for view in running {
      print("  " + (view.progressLine?.plain ?? "\(view.title): starting"))
    }
    let summary = counts.filter { $0.count > 0 }.map { "\($0.count) \($0.state.rawValue)" }
    print("jobs: \(summary.isEmpty ? "none" : summary.joined(separator: ", "))")
    if refused > 0 {
      print("refused files: \(refused), each with its reason, in \(spool.layout.rejected)")
    }
  }
}
