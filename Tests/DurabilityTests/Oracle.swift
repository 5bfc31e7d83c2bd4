import DurableIO
import Glibc
import Jobs
import ModelFiles
import StrictJSON

@testable import Spool

/// Recovers a spool as daemons do and compares it with what was promised.
struct Oracle {
  let layout: SpoolLayout
  let promises: Promises
  private var found: [String] = []

  /// What is wrong, in sentences.
  static func violations(of promises: Promises, in layout: SpoolLayout) -> [String] {
    var oracle = Oracle(layout: layout, promises: promises)
    do {
      try recover(layout)
      try oracle.check()
    } catch {
      oracle.found.append("\(error)")
    }
    return oracle.found
  }

  private init(layout: SpoolLayout, promises: Promises) {
    self.layout = layout
    self.promises = promises
  }

  private mutating func expect(_ holds: Bool, _ problem: @autoclosure () -> String) {
    if !holds { found.append(problem()) }
  }

  /// Starts two daemons, one after the other: the second one does what the first one's scan has
  /// left for it.
  static func recover(_ layout: SpoolLayout) throws {
    for _ in 0..<2 { try startDaemon(layout) }
  }

  /// What a daemon does at its start, some time later.
  private static func startDaemon(_ layout: SpoolLayout) throws {
    try layout.createDirectories()
    let clock = SpoolClock(now: { Timestamp(milliseconds: Timestamp.now().milliseconds + 60_000) })
    var admission = try Admission(layout, policy: .init(), clock: clock)
    _ = try Recovery.run(layout, &admission)
    _ = admission.scan()
  }

  private mutating func check() throws {
    let jobs = try jobs()
    let highest = max(promises.highest, jobs.values.map(\.id).max() ?? 0)
    for (name, promise) in promises.jobs {
      let job = jobs[name]
      if let exists = promise.exists {
        expect((job != nil) == exists, "job \(name) is \(exists ? "lost" : "back")")
      }
      if let job { try check(name, job, promise) }
    }
    expect(
      Set(jobs.keys).isSubset(of: promises.jobs.keys), "there are jobs that nobody handed in")
    let directories = try Directory.names(in: layout.jobs).compactMap { Int($0) }
    expect(
      Set(directories) == Set(jobs.values.map(\.id)), "there are folders of jobs \(directories)")
    for (token, number) in promises.receipts {
      // Whoever was told does not ask again; but what is there is true.
      let outcome = try Submission.outcome(of: token, in: layout)
      expect(
        outcome == .accepted(job: number) || outcome == .pending,
        "job \(number)'s submission is \(outcome)")
    }
    for name in promises.rejected {
      expect(try Directory.exists("\(layout.rejected)/\(name)"), "\(name) is not in rejected/")
      let reason = try readFileIfPresent("\(layout.rejected)/\(name).reason") ?? []
      expect(
        String(decoding: reason, as: UTF8.self).contains("schema"), "\(name) has no reason")
    }
    let pause = try SpoolReader(layout).pause()
    expect(promises.paused.contains(pause.isPaused), "a pause is lost, or back")
    expect(!pause.isPaused || pause.by != nil, "nobody knows who has paused the queue")
    for directory in [layout.drop, layout.claim, layout.removing] {
      let names = try Directory.names(in: directory).filter { !$0.hasPrefix(".") }
      expect(names.isEmpty, "\(directory) holds \(names)")
    }
    try probe(jobs, highest)
  }

  /// Every job of the queue by its name.
  private mutating func jobs() throws -> [String: (id: Int, state: JobState, entry: QueueEntry)] {
    var jobs: [String: (id: Int, state: JobState, entry: QueueEntry)] = [:]
    for state in JobState.allCases {
      for entry in try JobQueue(layout).entries(in: state) {
        let bytes = try readFileIfPresent(layout.jobDirectory(entry.id).job) ?? []
        guard let envelope = try? Envelope.parse(bytes), envelope.id == entry.id else {
          expect(false, "job \(entry.id), \(state), is not whole")
          continue
        }
        let name = envelope.spec.name
        expect(jobs[name] == nil, "job \(name) exists twice")
        expect(entry.reason?.contains("damaged") != true, "the entry of \(name) is damaged")
        jobs[name] = (entry.id, state, entry)
      }
    }
    return jobs
  }

  private mutating func check(
    _ name: String, _ job: (id: Int, state: JobState, entry: QueueEntry), _ promise: Promises.Job
  ) throws {
    let directory = layout.jobDirectory(job.id)
    if let number = promise.number {
      expect(job.id == number, "\(name) has number \(job.id) and was \(number)")
    }
    expect(promise.states.contains(job.state), "\(name) is \(job.state)")
    expect(
      promise.priorities.contains(job.entry.priority), "\(name) has \(job.entry.priority)")
    let events = try AppendLog.lines(of: directory.events).compactMap { JobEvent(line: $0)?.kind }
    expect(events.first == .admitted, "\(name)'s history begins with \(events)")
    expect(promise.events.isSubset(of: events), "\(name)'s history is \(events)")
    let steps = try readFileIfPresent(directory.amendment).map { try Amendment(parsing: $0).steps }
    expect(promise.steps.contains(steps), "\(name) has \(steps ?? 0) steps")
    for results in promise.results {
      expect(try Directory.exists("\(directory.path)/\(results)"), "\(name)'s results are lost")
    }
    for folder in try Directory.names(in: directory.path)
    where folder.hasPrefix("results") && folder != "results.partial" {
      try checkResults("\(directory.path)/\(folder)")
    }
    if try Directory.exists(directory.checkpoints) { try checkTraining(name, directory, promise) }
    expect(
      try promise.checkpoint == 0 || Directory.exists(directory.checkpoints),
      "\(name) has no checkpoint")
  }

  /// All results that are there are whole.
  private mutating func checkResults(_ folder: String) throws {
    guard let bytes = try readFileIfPresent(folder + "/manifest.json"),
      let manifest = try? JSONValue(parsing: bytes), let files = manifest["files"]?.array
    else { return expect(false, "\(folder) has no manifest") }
    for file in files {
      let path = folder + "/" + (file["path"]?.string ?? "")
      expect(
        try readFileIfPresent(path).map { SHA256.of($0).hex } == file["sha256"]?.string,
        "\(path) is not as it was published")
    }
  }

  /// The newest checkpoint is sound, no older than promised, and has all its lines of metrics.
  private mutating func checkTraining(
    _ name: String, _ directory: JobDirectory, _ promise: Promises.Job
  ) throws {
    var problems: [String] = []
    let newest = try CheckpointStore(path: directory.checkpoints).newest { problems.append($0) }
    found += problems
    let step = newest?.step ?? 0
    try checkBest(directory)
    expect(step >= promise.checkpoint, "\(name)'s checkpoint is that of step \(step)")
    // A step is scored after its checkpoint, so the score of the newest may yet have to be made.
    for (path, count) in [(directory.metrics, step), (directory.heldOut, step - 1)] where count > 0
    {
      let steps = try AppendLog.lines(of: path).prefix(count).map {
        try JSONValue(parsing: Array($0.utf8))["step"]?.int
      }
      expect(steps == (1...count).map { $0 }, "\(path) has steps \(steps) of \(count)")
    }
  }

  /// The checkpoint of the best score is there, or that of a better one whose score is not.
  private mutating func checkBest(_ directory: JobDirectory) throws {
    let scores = try AppendLog.lines(of: directory.heldOut).map {
      try JSONValue(parsing: Array($0.utf8))
    }
    guard let best = scores.min(by: { $0["ema"]?.double ?? 0 < $1["ema"]?.double ?? 0 }) else {
      return
    }
    var problems: [String] = []
    let newest = try CheckpointStore(path: directory.checkpoints + "/best").newest {
      problems.append($0)
    }
    found += problems
    expect(
      newest?.step ?? 0 >= best["step"]?.int ?? 0, "the best checkpoint is \(newest?.step ?? 0)")
  }

  /// No number is given a second time, and no key gives a second job.
  private mutating func probe(
    _ jobs: [String: (id: Int, state: JobState, entry: QueueEntry)], _ highest: Int
  ) throws {
    for (name, promise) in promises.jobs where promise.exists == true {
      guard let file = promise.repeatable, let job = jobs[name] else { continue }
      let token = try Submission.submit(Array(file.utf8), to: layout)
      try Self.startDaemon(layout)
      let outcome = try Submission.outcome(of: token, in: layout)
      expect(outcome == .accepted(job: job.id), "\(name), handed in again, is \(outcome)")
    }
    let token = try Submission.submit(Array(jobFile("probe").utf8), to: layout)
    try Self.startDaemon(layout)
    guard case .accepted(let number) = try Submission.outcome(of: token, in: layout) else {
      return expect(false, "a new job is not admitted")
    }
    expect(number > highest, "number \(number) is given again")
  }
}

/// A small valid job file.
func jobFile(_ name: String, _ more: String = "") -> String {
  """
  {"schema": "ddpm.job/1", "kind": "sample", "name": "\(name)", "seed": 7,
   "model": {"path": "/models/m"}, "count": 4\(more)}

  """
}

extension Admission.Outcome {
  var blocked: String? { if case .blocked(_, let reason) = self { reason } else { nil } }
}
