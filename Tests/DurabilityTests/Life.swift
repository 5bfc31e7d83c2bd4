import DurableIO
import Glibc
import JobRunner
import Jobs
import StrictJSON
import TestSupport
import Testing

@testable import Spool

/// A spool whose life is recorded, with what it has promised at every moment.
///
/// It does what daemon, worker and ddpmctl do, in one process: it takes submissions in, moves jobs
/// as the supervisor does, and runs their workers.
final class Life {
  let root: String
  let layout: SpoolLayout
  let recorder: RecordingFileSystem
  /// What is promised from which event of the recording on.
  private(set) var promised: [(from: Int, promises: Promises)] = [(0, Promises())]
  private var admission: Admission?
  private let folder: TemporaryFolder

  /// - faults: what the recorded calls are passed on to.
  init(_ faults: FaultPlan? = nil) throws {
    folder = try TemporaryFolder(inMemory: true)
    root = folder("root")
    layout = SpoolLayout(root: root)
    try Directory.create(root)
    recorder = RecordingFileSystem(faults)
  }

  // MARK: Promises

  var promises: Promises { promised[promised.count - 1].promises }

  /// What is promised after the first `count` calls.
  func promises(after count: Int) -> Promises {
    (promised.last { $0.from <= count } ?? promised[0]).promises
  }

  private func promise(_ change: (inout Promises) -> Void) {
    var promises = promises
    change(&promises)
    promised.append((recorder.events.count, promises))
  }

  /// Does what changes what is promised of a job; while it is under way, both are allowed.
  private func change<Value>(
    _ name: String, _ change: (inout Promises.Job) -> Void, by body: () throws -> Value
  ) throws -> Value {
    let old = promises.jobs[name] ?? Promises.Job(exists: false, states: [])
    var new = old
    change(&new)
    promise { promises in
      promises.jobs[name] = old.onTheWay(to: new)
      // The number of a job that goes may be told no more.
      if new.exists == false {
        promises.receipts = promises.receipts.filter { $0.value != old.number }
      }
    }
    let value = try record(body)
    promise { $0.jobs[name] = new }
    return value
  }

  private func record<Value>(_ body: () throws -> Value) rethrows -> Value {
    try Syscalls.$fileSystem.withValue(recorder) { try body() }
  }

  private func number(_ name: String) throws -> Int { try #require(promises.jobs[name]?.number) }

  // MARK: Submitters

  /// Hands in a job; it is admitted, or found to be there by its key.
  func add(_ name: String, _ file: String, to state: JobState = .queued) throws {
    let token = try change(name) { job in
      job.exists = true
      job.states = [state]
    } by: {
      try Submission.submit(Array(file.utf8), to: layout)
    }
    try scan()
    let outcome = try Submission.outcome(of: token, in: layout)
    guard case .accepted(let number) = outcome else {
      throw Broken(what: "\(name) is \(outcome)")
    }
    promise { promises in
      promises.jobs[name]?.number = number
      promises.jobs[name]?.events = [.admitted]
      promises.highest = max(promises.highest, number)
      promises.receipts[token] = number
    }
  }

  /// Says that handing in the file of a job once more gives no second one.
  func expectRepetitions(of name: String, _ file: String) {
    promise { $0.jobs[name]?.repeatable = file }
  }

  /// Hands in a job for which a command was exchanged before it was claimed, so that it has no number
  /// yet, and has another daemon find it.
  func addExchanged(_ name: String, _ file: String) throws {
    let (path, claim) = ("\(layout.drop)/\(name).json", "\(layout.claim)/\(name).json")
    try change(name) { job in
      job.exists = true
      job.states = [.queued]
    } by: {
      let job = try OpenFile(path, flags: O_WRONLY | O_CREAT)
      try job.write(Array(file.utf8))
      try job.sync()
      try Directory.rename(path, to: claim)
      try Directory.sync(layout.claim)
      try Directory.sync(layout.drop)
    }
    try goOn(restarting: true)
  }

  /// Hands in an array of jobs of these names.
  func addArray(_ names: [String], _ file: String) throws {
    promise { promises in
      for name in names { promises.jobs[name] = Promises.Job(exists: nil, states: [.queued]) }
    }
    _ = try record { try Submission.submit(Array(file.utf8), to: layout) }
    promise { promises in for name in names { promises.jobs[name]?.exists = true } }
    try scan()
    try learn()
  }

  /// Goes on after a failure: the daemon looks again, or another one does.
  func goOn(restarting: Bool) throws {
    if restarting || admission == nil { try startDaemon() }
    try scan()
    try learn()
  }

  /// Takes the numbers of all jobs for promised that are admitted and were not.
  private func learn() throws {
    for state in JobState.allCases {
      for id in try JobQueue(layout).ids(in: state) {
        let name = try Envelope.parse(try readFile(layout.jobDirectory(id).job)).spec.name
        guard let job = promises.jobs[name], job.exists != false, job.number == nil else {
          continue
        }
        promise { promises in
          promises.jobs[name]?.exists = true
          promises.jobs[name]?.number = id
          promises.highest = max(promises.highest, id)
        }
      }
    }
  }

  /// Hands in a job that is refused; then somebody tidies up.
  func addRefused(_ name: String, _ file: String) throws {
    let token = try change(name) {
      $0.exists = false
    } by: {
      try Submission.submit(Array(file.utf8), to: layout)
    }
    try scan()
    try record {
      for suffix in ["", ".reason"] {
        try Directory.remove("\(layout.rejected)/\(token.fileName)\(suffix)")
      }
      try Directory.sync(layout.rejected)
    }
  }

  /// Hands in many jobs before the daemon looks.
  func addMany(_ names: [String]) throws {
    for name in names {
      _ = try change(name) { job in
        job.exists = true
        job.states = [.queued]
      } by: {
        try Submission.submit(Array(jobFile(name).utf8), to: layout)
      }
    }
    try scan()
    try learn()
  }

  /// Hands in what is refused.
  func addBad(_ files: [String]) throws {
    for file in files {
      let token = try record { try Submission.submit(Array(file.utf8), to: layout) }
      promise { $0.rejected.insert(token.fileName) }
    }
    try scan()
  }

  /// Hands in a command about a job, which holds from then on.
  func command(
    _ name: String, _ command: JobCommand, _ effect: (inout Promises.Job) -> Void
  ) throws {
    let id = try number(name)
    let token = try change(name, effect) {
      try Submission.submit(
        Array(Command.job(id, command).json.serialized().utf8), to: layout)
    }
    try scan()
    promise { $0.receipts[token] = id }
  }

  /// Hands in a command about the queue.
  func command(_ command: QueueCommand) throws {
    promise { $0.paused = [true, false] }
    _ = try record {
      try Submission.submit(Array(Command.queue(command).json.serialized().utf8), to: layout)
    }
    promise { $0.paused = [command == .pause] }
    try scan()
  }

  // MARK: The daemon

  /// Starts a daemon, whatever became of the one before.
  func startDaemon() throws {
    try record {
      try layout.createDirectories()
      var admission = try Admission(layout)
      _ = try Recovery.run(layout, &admission)
      self.admission = admission
    }
  }

  private func scan() throws {
    let outcomes = record { admission?.scan() ?? [] }
    if let reason = outcomes.compactMap(\.blocked).first { throw Broken(what: reason) }
  }

  /// Moves a job's entry on as the supervisor does, and then says so in its history.
  func move(_ name: String, to state: JobState, _ event: JobEvent.Kind) throws {
    let id = try number(name)
    try change(name) { job in
      if state != .running { job.states = [state] }
    } by: {
      guard let (old, found) = try JobQueue(layout).find(id) else { throw Broken(what: name) }
      var entry = found
      if state.isFinal { entry.ended = .now() }
      if state == .running { entry.started = .now() }
      try JobQueue(layout).move(entry, from: old, to: state)
    }
    try record {
      try layout.jobDirectory(id).append(JobEvent(time: .now(), kind: event, attempt: 1))
    }
    promise { _ = $0.jobs[name]?.events.insert(event) }
  }

  /// Clears away a job that was taken out of the queue.
  func clear(_ name: String) throws {
    let id = try number(name)
    try record { try JobRemoval(layout).finish(id) }
    promise { $0.jobs[name] = Promises.Job(exists: false, states: []) }
  }

  /// Purges all jobs that have ended, of which there is one.
  func purge(_ name: String) throws {
    var retention = JobRemoval.Retention()
    retention.count = 0
    _ = try change(name, { $0 = Promises.Job(exists: false, states: []) }) {
      let purge = try JobRemoval(layout).purge(
        retention, sparing: [], names: [], atMost: 9, now: .now())
      if let trouble = purge.troubles.first { throw Broken(what: "\(trouble)") }
    }
  }

  // MARK: The worker

  /// Runs the job's worker until it ends, or is told to stop after some questions.
  func work(_ name: String, stopAfter questions: Int = .max, reaching step: Int) throws {
    let directory = layout.jobDirectory(try number(name))
    let null = unsafe open("/dev/null", O_WRONLY)
    defer { close(null) }
    var left = questions
    let code = try change(name) { job in
      job.checkpoint = step
      if questions == .max {
        job.results.insert("results")
        job.states = [.done]
      }
    } by: {
      Worker(
        job: directory.path, threads: 1, progress: ProgressPipe(descriptor: null),
        isStopRequested: {
          left -= 1
          return left < 0
        }, log: { _ in }
      ).run()
    }
    guard code == (questions == .max ? WorkerExit.finished : WorkerExit.stopped) else {
      throw Broken(what: "the worker ends with \(code)")
    }
  }
}

/// A step of a life that did not come off.
struct Broken: Error {
  var what: String
}
