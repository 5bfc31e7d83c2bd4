import DurableIO
import Foundation
import Jobs
import Spool
import StrictJSON
import Synchronization
import Testing

/// A spool of its own with the real `ddpmctl` beside it; removed in the end.
final class Bench: Sendable {
  let root: String
  let layout: SpoolLayout

  init() throws {
    root = FileManager.default.temporaryDirectory.path + "/ddpmctl-\(UUID().uuidString)"
    layout = SpoolLayout(root: root)
    try layout.createDirectories()
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  /// The smallest job of its kind.
  static func job(named name: String, kind: String = "sample") -> JSONValue {
    let header: JSONObject = [
      "schema": "ddpm.job/1", "kind": .string(kind), "name": .string(name),
    ]
    let dataset: JSONValue = ["type": "images", "path": "/"]
    let work: JSONObject =
      switch kind {
      case "sample": ["model": ["path": "/"], "count": 1]
      case "evaluate": ["model": ["path": "/"], "dataset": dataset]
      default:
        [
          "dataset": dataset, "unet": ["preset": "cifar10-32"],
          "scheduler": ["preset": "cifar10-32"], "training": ["batch_size": 1, "steps": 1],
        ]
      }
    return .object(JSONObject(header.members + work.members))
  }

  /// Writes `json` into a file.
  func file(_ json: JSONValue) throws -> String {
    let path = "\(root)/\(UUID().uuidString).json"
    try Data(json.serialized().utf8).write(to: URL(filePath: path))
    return path
  }

  /// Starts `ddpmctl`; the spool is named by the environment.
  func start(_ arguments: String...) throws -> Invocation {
    try Invocation(arguments, root: root)
  }

  /// Runs `ddpmctl` to its end.
  func run(
    _ arguments: [String], environment: [String: String] = [:], in folder: String? = nil
  ) throws -> (output: String, errors: String, code: Int32) {
    try Invocation(arguments, root: root, environment: environment, in: folder).end()
  }

  /// Admits a job named `name` and leaves it in `state`.
  func admit(
    _ name: String, kind: String = "sample", _ state: JobState, reason: String? = nil
  ) throws {
    let daemon = try AdmittingDaemon(self, end: state, reason: reason)
    defer { daemon.stop() }
    let token = try Submission.submit(
      Array(Self.job(named: name, kind: kind).serialized().utf8), to: layout)
    while true {
      if case .accepted(let id) = try Submission.outcome(of: token, in: layout),
        try JobQueue(layout).state(of: id) == state
      {
        return
      }
      usleep(1000)
    }
  }
}

/// A running `ddpmctl`, or another of the programs.
final class Invocation {
  private let process = Process()
  private let output = Pipe()
  private let errors = Pipe()

  init(
    _ arguments: [String], root: String, environment: [String: String] = [:],
    program: String = "ddpmctl", in folder: String? = nil, output file: FileHandle? = nil
  ) throws {
    if let folder { process.currentDirectoryURL = URL(filePath: folder) }
    let programs = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent()
    process.executableURL = programs.appending(path: program)
    process.arguments = arguments
    process.environment = environment.merging(["DDPM_ROOT": root]) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = file ?? output
    process.standardError = errors
    try process.run()
    if file != nil { try output.fileHandleForWriting.close() }
  }

  /// Waits until it says `words` on standard error: whether it does before it ends. What it said until
  /// then is no part of what `end` returns.
  func says(_ words: String) -> Bool {
    var text = Data()
    while true {
      let more = errors.fileHandleForReading.availableData
      text += more
      if String(decoding: text, as: UTF8.self).contains(words) { return true }
      if more.isEmpty { return false }
    }
  }

  func interrupt() { process.interrupt() }

  func end() throws -> (output: String, errors: String, code: Int32) {
    // What is printed here fits into the pipes, so reading can be done one after the other.
    let texts = [output, errors].map {
      String(decoding: $0.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }
    process.waitUntilExit()
    return (texts[0], texts[1], process.terminationStatus)
  }
}

/// Stands in for ddpmd: holds the spool's lock, admits, and ends jobs as told.
final class AdmittingDaemon: Sendable {
  private let lock: FileLock
  private let isStopped = Mutex(false)
  private let hasEnded = DispatchSemaphore(value: 0)

  /// - end: The state that every admitted job ends in; nil leaves it queued.
  /// - obstacle: What keeps it from clearing away the files of removed jobs.
  init(
    _ bench: Bench, end: JobState? = nil, reason: String? = nil, obstacle: String? = nil
  ) throws {
    lock = try #require(try FileLock.acquire(bench.layout.lock))
    let layout = bench.layout
    if let obstacle { try NoticeFile(layout.problem).say(obstacle) }
    Thread.detachNewThread { [self] in
      defer { hasEnded.signal() }
      guard var admission = try? Admission(layout) else { return }
      while !isStopped.withLock({ $0 }) {
        for outcome in admission.scan() {
          switch outcome {
          case .admitted(let envelope, _, _):
            guard let end else { continue }
            var entry = QueueEntry(id: envelope.id)
            entry.reason = reason
            try? JobQueue(layout).move(entry, from: .queued, to: end)
          case .commanded(.job(let id, .remove), _) where obstacle == nil:
            try? JobRemoval(layout).finish(id)
          default: break
          }
        }
        Thread.sleep(forTimeInterval: 0.02)
      }
    }
  }

  func stop() {
    isStopped.withLock { $0 = true }
    hasEnded.wait()
    lock.release()
  }
}
