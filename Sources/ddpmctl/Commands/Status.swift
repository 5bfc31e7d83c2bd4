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
    // A daemon that dies meanwhile is not there in one line and gone in the next.
    let problem = try attempt { try daemon == nil ? nil : spool.reader.daemonProblem() }
    let pause = try attempt { try spool.reader.pause() }
    let viewer = spool.viewer(isServed: daemon != nil)
    let running = try attempt { try spool.reader.jobs(in: [.running], viewer) }
    let counts = try attempt {
      try JobState.allCases.map { state in
        (state: state, count: try spool.reader.count(in: state))
      }
    }
    let arrived = Result { () throws(SystemError) in try spool.reader.waitingFiles() }
    let refused = Result { () throws(SystemError) in try spool.reader.rejectedFiles() }
    if json {
      let counts = JSONObject(counts.map { ($0.state.rawValue, .integer($0.count)) })
      let object: JSONValue = [
        "daemon": daemon.map {
          ["pid": .integer($0), "problem": problem.map { .string($0) } ?? nil]
        } ?? nil,
        "paused": .bool(pause.isPaused), "jobs": .object(counts),
        "running": .array(running.map(\.json)),
        "waiting_files": (try? arrived.get()).flatMap(\.self).map { .integer($0) } ?? nil,
        "rejected_files": (try? refused.get()).map { .integer($0.count) } ?? nil,
        "spool": .string(spool.layout.spool),
        "state": .string(spool.layout.state),
      ]
      print(object.serialized(pretty: true))
      return
    }
    print(
      daemon.map { "ddpmd is running (process \($0))" }
        ?? "ddpmd is not running; start it with: \(spool.startCommand)")
    if let problem { print("  \(problem.printable)", color: 31) }
    if pause.isPaused {
      let who = pause.by.map { " by \(userName($0.user)) since \($0.since)" } ?? ""
      print("  paused\(who): no job starts until: \(spool.command("resume"))")
    }
    for view in running {
      let progress = view.progressLine.map { $0.facts.joined(separator: ", ") } ?? "starting"
      let text = "  \(view.title): \(view.isInterrupted ? view.stateAndReason : progress)"
      print(text, color: view.color)
    }
    for view in try noteworthy(viewer) {
      print("  \(view.title): \(view.stateAndReason)", color: view.color)
    }
    let summary = counts.filter { $0.count > 0 }.map { state, count in
      "\(count) \(state == .running && daemon == nil ? "interrupted" : state.rawValue)"
    }
    print("jobs: \(summary.isEmpty ? "none" : summary.joined(separator: ", "))")
    switch arrived {
    case .success(let count?) where count > 0:
      print("waiting files: \(count), to be taken in from \(spool.layout.drop)")
    case .success: break
    case .failure(let error): print("waiting files: \(Self.explanation(of: error))", color: 31)
    }
    switch refused {
    case .success((let count, let last)):
      if count > 0 {
        print("refused files: \(count), each with its reason, in \(spool.layout.rejected)")
      }
      if let last {
        print("  the last, \(ageText(last.time)) ago, \(last.name): \(last.reason.inOneLine)")
      }
    case .failure(let error): print("refused files: \(Self.explanation(of: error))", color: 31)
    }
  }

  /// Why files cannot be counted: one of the spool's folders was taken away, or its disk.
  private static func explanation(of error: SystemError) -> String {
    error.isNotFound
      ? "\(error.path) is missing; unless it is put back, ddpmd makes it anew when it is started"
      : error.description
  }

  /// The first jobs of those that wait, as far as there is something to say of them, and those that
  /// failed last: the list has the others, and they are not read.
  private func noteworthy(_ viewer: (SpoolReader.Job) -> JobView) throws -> [JobView] {
    try attempt {
      let queue = JobQueue(spool.layout)
      let ids = try [.deferred, .held, .queued].flatMap { (state: JobState) in
        try queue.ids(in: state).prefix(10)
      }
      let waiting = try ids.sorted().compactMap { try spool.reader.job($0).map(viewer) }
      let failed = try spool.reader.jobs(in: [.failed], ended: 3, viewer).jobs
      return waiting.filter { view in
        view.reason != nil && view.job.state != .running && !view.job.state.isFinal
      } + failed
    }
  }
}
