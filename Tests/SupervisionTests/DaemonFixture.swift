// A real supervisor on a spool of its own in a temporary folder, with a script for a worker.

import CLinux
import Dispatch
import DurableIO
import Glibc
import Jobs
import Logging
import Spool
import Synchronization
import Testing

@testable import Supervision

/// What tests share between lives of a daemon: the folder, which goes with the object.
final class TestSpool: Sendable {
  let root: String
  let layout: SpoolLayout
  let worker: String

  /// - worker: a shell script that gets the job's directory as `$1`.
  init(worker script: String) throws {
    var template = Array("/tmp/ddpmd-test-XXXXXX".utf8CString)
    root = try #require(unsafe mkdtemp(&template).map { unsafe String(cString: $0) })
    layout = SpoolLayout(root: root)
    worker = root + "/worker"
    try layout.createDirectories()
    try AtomicFile.write("#!/bin/sh\n" + script + "\n", to: worker, mode: 0o755)
  }

  deinit { try? Directory.removeTree(root) }

  func directory(_ id: Int) -> JobDirectory { layout.jobDirectory(id) }

  /// The job as a user sees it.
  func job(_ id: Int) throws -> SpoolReader.Job? { try SpoolReader(layout).job(id) }

  /// What happened to the job, in order.
  func history(_ id: Int) throws -> [JobEvent.Kind] {
    try SpoolReader(layout).events(of: id).map(\.kind)
  }

  /// Puts a file into `drop/`.
  func submit(_ text: String) throws -> Submission.Token {
    try Submission.submit(Array(text.utf8), to: layout)
  }

  /// Submits a job that the worker need not understand and waits for its number.
  func submitJob(
    _ name: String = "job", model: String = #"{"path": "/model"}"#, queue: String = "{}"
  ) async throws -> Int {
    let token = try submit(
      """
      {"schema": "ddpm.job/1", "kind": "sample", "name": "\(name)", "seed": 1, "count": 1,
       "model": \(model), "queue": \(queue)}
      """)
    return try await accepted(token)
  }

  func accepted(_ token: Submission.Token) async throws -> Int {
    var outcome = Submission.Outcome.pending
    try await until("the submission is decided on") {
      outcome = try Submission.outcome(of: token, in: layout)
      return outcome != .pending
    }
    guard case .accepted(let id) = outcome else {
      Issue.record("not accepted: \(outcome)")
      return 0
    }
    return id
  }

  func cancel(_ id: Int) async throws { try await command("cancel", id) }

  func command(_ command: String, _ id: Int) async throws {
    #expect(try await accepted(try submit(commandFile(command, id))) == id)
  }

  func waitFor(_ id: Int, _ state: JobState) async throws {
    try await until("job \(id) is \(state)") { try job(id)?.state == state }
  }

  /// Waits for a file that a script makes to say how far it is.
  func waitFor(file: String) async throws {
    try await until("\(file) exists") { try Directory.exists(file) }
  }
}

/// One life of a daemon, on a thread of its own.
final class TestDaemon: Sendable {
  private let end: Task<Void, Never>
  private let requestPipe: Int32
  /// What the daemon told the service manager.
  let messages = Box()
  /// What it logged, from information on.
  let journal = TestJournal()

  init(
    _ spool: TestSpool, maxWorkers: Int = 1, freeSpaceFloor: Int = 0,
    configuration: Configuration = Configuration(),
    source: ConfigurationSource = ConfigurationSource(file: nil),
    adjust: (inout SchedulingPolicy) -> Void = { _ in }
  ) throws {
    var policy = SchedulingPolicy()
    policy.maxWorkers = maxWorkers
    policy.crashDelays = [.milliseconds(1)]
    policy.retryDelays = [.milliseconds(1)]
    adjust(&policy)
    var admission = Admission.Policy()
    admission.settleSeconds = 0
    admission.freeSpaceFloor = freeSpaceFloor
    var setup = SupervisorSetup(
      layout: spool.layout, configuration: configuration, source: source, worker: spool.worker,
      processors: 3,
      log: Logger(label: "test") { [journal] _ in
        ServiceLog(logLevel: .info, send: journal.take, write: { _ in })
      })
    setup.metricsInterval = .milliseconds(1)
    setup.notifier = ServiceNotifier { [messages] in messages.append($0) }
    // A daemon that has ended may be asked to stop again.
    signal(SIGPIPE, SIG_IGN)
    // Each write is a packet, which each read takes one of.
    var ends: [Int32] = [-1, -1]
    try #require(unsafe pipe2(&ends, O_CLOEXEC | O_NONBLOCK | packetPipe) == 0)
    requestPipe = ends[1]
    let requests = SignalRequests(descriptor: ends[0])
    // Handed to the thread and not used here any more.
    nonisolated(unsafe) let supervisor = try Supervisor(
      setup, requests: requests, policy: policy, admission: admission)
    let (ended, continuation) = AsyncStream.makeStream(of: Never.self)
    DispatchQueue(label: "daemon").async {
      unsafe supervisor.run()
      continuation.finish()
    }
    end = Task { for await _ in ended {} }
  }

  deinit { close(requestPipe) }

  /// Stops the daemon and waits for its end.
  func stop() async {
    requestStop()
    await end.value
  }

  /// Asks it to stop, without waiting.
  func requestStop() { send(SIGTERM) }

  /// Asks it to read its configuration anew.
  func requestReload() { send(SIGHUP) }

  private func send(_ signal: Int32) {
    var signal = signal
    unsafe _ = write(requestPipe, &signal, 4)
  }

  /// What was said, by any thread.
  final class Box: Sendable {
    private let list = Mutex<[String]>([])
    var all: [String] { list.withLock { $0 } }
    func append(_ text: String) { list.withLock { $0.append(text) } }
  }
}

/// O_DIRECT, which makes pipe2(2) a pipe of packets.
private let packetPipe: Int32 = 0o40000

/// Waits until `condition` holds; a test that waits in vain fails, but not before anything would have
/// happened on a machine that has much else to do.
func until(_ what: String, _ condition: () throws -> Bool) async throws {
  for _ in 0..<60_000 {
    if try condition() { return }
    try await Task.sleep(for: .milliseconds(5))
  }
  Issue.record("waited in vain until \(what)")
  throw CancellationError()
}

/// A command file.
func commandFile(_ command: String, _ id: Int) -> String {
  #"{"schema": "ddpm.command/1", "command": "\#(command)", "job": \#(id)}"#
}

/// Shell fragments for workers.
enum Script {
  static let finish = #"mkdir "$1/results"; echo '{"finished": true}'; exit 0"#
  /// Says that it is up, and works until it is asked to stop.
  static let workUntilStopped = #"trap 'exit 75' TERM; touch "$1/up"; while :; do sleep 0.02; done"#
  /// Says that it is up, and does not stop.
  static let hang = #"trap '' TERM; touch "$1/up"; while :; do sleep 0.02; done"#

  /// Does `first` in the first run of a job, and `then` in later ones.
  static func once(_ first: String, then: String) -> String {
    #"if ! [ -e "$1/again" ]; then touch "$1/again"; \#(first); fi; \#(then)"#
  }
}

/// Takes what a daemon sends to the journal.
final class TestJournal: Sendable {
  private let list = Mutex<[[String: String]]>([])

  /// The entries' fields.
  var entries: [[String: String]] { list.withLock { $0 } }

  /// The texts of all entries from warnings on.
  var warnings: [String] {
    entries.filter { ($0["PRIORITY"] ?? "") <= "4" }.compactMap { $0["MESSAGE"] }
  }

  @Sendable func take(_ fields: [String]) -> Bool {
    let pairs = fields.map { field in
      (String(field.prefix { $0 != "=" }), String(field.drop { $0 != "=" }.dropFirst()))
    }
    list.withLock { $0.append(Dictionary(pairs) { "\($0) and \($1)" }) }
    return true
  }
}
