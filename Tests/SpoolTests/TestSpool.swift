import DurableIO
import Glibc
import Jobs
import Synchronization
import Testing

@testable import Spool

/// A real spool in a temporary folder, in which time can be made to pass, and the clock be set.
final class TestSpool: Sendable {
  let root: String
  let layout: SpoolLayout
  private let passed = Mutex(0)
  private let ahead = Mutex(0)

  /// - onDisk: false puts it into memory where possible: tests that go through every system call
  ///   are about the calls' order, and need not wait for a disk at each of them.
  init(onDisk: Bool = true) throws {
    let temporary = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    let base = unsafe !onDisk && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : temporary
    root = base + "/ddpmd-spool-" + String(UInt64.random(in: .min ... .max), radix: 36)
    layout = SpoolLayout(root: root)
    try layout.createDirectories()
  }

  deinit { try? Directory.removeTree(root) }

  var queue: JobQueue { JobQueue(layout) }
  var reader: SpoolReader { SpoolReader(layout) }

  func passTime(seconds: Int) { passed.withLock { $0 += seconds } }

  /// Puts the system's clock forward.
  func setClock(seconds: Int) { ahead.withLock { $0 += seconds } }

  /// A new daemon's admission.
  func admission(_ policy: Admission.Policy = .init()) throws -> Admission {
    let clock = SpoolClock(
      now: { [self] in
        let seconds = passed.withLock { $0 } + ahead.withLock { $0 }
        return Timestamp(milliseconds: Timestamp.now().milliseconds + Int64(seconds) * 1000)
      },
      steady: { [self] in .now + .seconds(passed.withLock { $0 }) })
    return try Admission(layout, policy: policy, clock: clock)
  }

  func drop(_ name: String, _ text: String) throws { try drop(name, Array(text.utf8)) }

  func drop(_ name: String, _ bytes: [UInt8]) throws {
    try AtomicFile.write(bytes, to: layout.drop + "/" + name, synced: false)
  }

  /// What a daemon does when it starts, and then once more.
  @discardableResult func startDaemon() throws -> Recovery {
    var admission = try admission()
    let recovery = try Recovery.run(layout, &admission)
    _ = admission.scan()
    return recovery
  }

  func names(_ directory: String) throws -> [String] { try Directory.names(in: directory) }

  /// Every job of the queue by its name, after checking that it is whole and in one state.
  func jobs() throws -> [String: SpoolReader.Job] {
    var jobs: [String: SpoolReader.Job] = [:]
    for state in JobState.allCases {
      for entry in try queue.entries(in: state) {
        let job = try #require(try reader.job(entry.id))
        let envelope = try #require(job.envelope, "job \(entry.id) has no envelope")
        #expect(job.state == state, "job \(entry.id) is in two states")
        #expect(envelope.id == entry.id)
        #expect(jobs[envelope.spec.name] == nil, "\(envelope.spec.name) exists twice")
        #expect(try reader.events(of: entry.id).first?.kind == .admitted)
        jobs[envelope.spec.name] = job
      }
    }
    return jobs
  }

  /// Nothing is on its way, and no process's temporary is left where the daemon writes.
  func expectAtRest() throws {
    #expect(try names(layout.drop).isEmpty)
    #expect(try names(layout.claim).isEmpty)
    var directories = [layout.state, layout.rejected, layout.receipts]
    directories += JobState.allCases.map(layout.queue)
    directories += try names(layout.jobs).map { layout.jobs + "/" + $0 }
    for directory in directories {
      #expect(try names(directory).filter { $0.hasPrefix(".") }.isEmpty)
    }
  }
}

/// A small valid job file.
func jobFile(_ name: String) -> String {
  """
  {"schema": "ddpm.job/1", "kind": "sample", "name": "\(name)", "seed": 7,
   "model": {"path": "/models/é"}, "count": 4}

  """
}

func cancelFile(_ id: Int) -> String { commandFile("cancel", id) }

/// - more: Further members, each with a comma before it.
func commandFile(_ command: String, _ id: Int, _ more: String = "") -> String {
  #"{"schema": "ddpm.command/1", "command": "\#(command)", "job": \#(id)\#(more)}"#
}

extension JobQueue {
  /// Enters a job of which there is nothing but its entry.
  func add(_ entry: QueueEntry, to state: JobState, of spool: TestSpool) throws {
    try Directory.create(spool.layout.jobDirectory(entry.id).path)
    try stage(entry, synced: true)
    try enter(entry.id, in: state)
  }
}

extension Admission.Outcome {
  /// Whether the file has come to its end.
  var isFinal: Bool { wait == nil && blocked == nil }
  var rejection: String? { if case .rejected(_, let reason, _) = self { reason } else { nil } }
  var admitted: Envelope? { if case .admitted(let envelope, _, _) = self { envelope } else { nil } }
  var wait: Duration? { if case .waiting(_, _, let time) = self { time } else { nil } }
  var blocked: String? { if case .blocked(_, let reason) = self { reason } else { nil } }
  var revived: QueueEntry? {
    if case .revived(let entry, _, _, by: _) = self { entry } else { nil }
  }
  var command: Command? { if case .commanded(let command, _) = self { command } else { nil } }
}
