import Foundation
import Glibc
import Testing

/// A private spool, and ddpmctl and ddpmd working on it.
struct Desk {
  let folder: TemporaryFolder
  /// The spool's folder; what the programs say is beside it if it is one of its own.
  let root: String

  init() throws {
    folder = try TemporaryFolder()
    root = folder.path
  }

  /// - name: That of a folder, made if it is not there, which the spool is in.
  init(in name: String) throws {
    folder = try TemporaryFolder()
    root = folder.path + "/" + name
    try FileManager.default.createDirectory(
      atPath: root, withIntermediateDirectories: true)
  }

  func startDaemon(_ options: [String] = [], by launcher: [String] = []) async throws -> Program {
    let daemon = try Program(
      "ddpmd", ["--root", root] + options, by: launcher,
      output: folder.path + "/ddpmd-\(UUID().uuidString)")
    try await until("ddpmd serves") { daemon.text.contains("serving") }
    return daemon
  }

  func start(_ arguments: [String]) throws -> Program {
    try Program(
      "ddpmctl", arguments, environment: ["DDPM_ROOT": root],
      output: folder.path + "/ddpmctl-\(UUID().uuidString)")
  }

  /// Runs ddpmctl to its end.
  func run(
    _ arguments: [String], by launcher: [String] = []
  ) async throws -> (code: Int32, output: String, errors: String) {
    let errors = folder.path + "/errors-\(UUID().uuidString)"
    let program = try Program(
      "ddpmctl", arguments, by: launcher, environment: ["DDPM_ROOT": root],
      output: folder.path + "/ddpmctl-\(UUID().uuidString)", errors: errors)
    let code = try await program.end()
    return (code, program.text, (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "")
  }

  func file(_ job: String) throws -> String {
    let name = "job-\(UUID().uuidString).json"
    try folder.write(name, job)
    return folder.path + "/" + name
  }

  func submit(_ job: String) async throws -> Int {
    let answer = try await run(["submit", try file(job)])
    return try #require(
      Int(answer.output.trimmingCharacters(in: .newlines)), "\(answer.errors)")
  }

  /// Drops a job file that belongs to `user`, and waits for the job's number.
  func submit(_ job: String, as user: UInt32) async throws -> Int {
    let path = try file(job)
    let token = UUID().uuidString.lowercased().replacing("-", with: "")
    try #require(unsafe chown(path, user, user) == 0)
    try #require(unsafe rename(path, root + "/spool/drop/submit-\(token).json") == 0)
    let receipt = "lib/receipts/\(token)"
    try await until("it is admitted") { exists(receipt) }
    return try #require(Int(try text(receipt).trimmingCharacters(in: .newlines)))
  }

  /// Whether something is in the spool under that path.
  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: root + "/" + name) }

  /// The content of a file of the spool.
  func text(_ name: String) throws -> String {
    try String(contentsOfFile: root + "/" + name, encoding: .utf8)
  }

  /// What is in a folder of the spool.
  func names(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: root + "/" + folder).sorted()
  }

  /// Puts a file into `drop/`, whole.
  func drop(_ name: String, _ text: String) throws {
    let hidden = root + "/spool/drop/." + name
    try text.write(toFile: hidden, atomically: false, encoding: .utf8)
    try FileManager.default.moveItem(atPath: hidden, toPath: root + "/spool/drop/" + name)
  }

  func results(_ job: Int) -> String { root + "/lib/jobs/\(job)/results" }

  func isDone(_ job: Int) -> Bool { exists("lib/queue/done/\(job)") }

  /// The job's last reported step, 0 before the first report.
  func step(of job: Int) -> Int {
    struct State: Decodable { let step: Int }
    guard let text = try? text("lib/jobs/\(job)/progress.json") else { return 0 }
    return (try? JSONDecoder().decode(State.self, from: Data(text.utf8)).step) ?? 0
  }

  /// The step of the job's newest checkpoint, 0 before the first.
  func checkpoint(of job: Int) -> Int {
    let path = root + "/lib/jobs/\(job)/checkpoints"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.compactMap { name in
      name.hasSuffix(".json") ? Int(name.filter(\.isWholeNumber)) : nil
    }.max() ?? 0
  }

  /// The process that works on the job.
  func worker(of job: Int) -> Int32? {
    (try? text("lib/jobs/\(job)/lock")).flatMap {
      Int32($0.trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }

  /// Has the process that works on the job stopped, with SIGSTOP, some time after there is a
  /// checkpoint behind `step`. Begin before the job can: a thread of its own looks, but the test's may
  /// be busy for as long as a small training takes.
  ///
  /// - Returns: The stopped process.
  func stopWorker(
    of job: Int, behind step: Int = 0, after delay: Duration = .zero
  ) -> Task<Int32, any Error> {
    let (stopped, continuation) = AsyncStream.makeStream(of: Int32.self)
    Thread.detachNewThread {
      defer { continuation.finish() }
      let end = ContinuousClock.now + patience
      while checkpoint(of: job) <= step, .now < end { usleep(1000) }
      usleep(UInt32(delay / .microseconds(1)))
      guard !isDone(job), let worker = worker(of: job) else { return }
      kill(worker, SIGSTOP)
      continuation.yield(worker)
    }
    return Task {
      for await worker in stopped { return worker }
      Issue.record("the worker of job \(job) could not be stopped")
      throw CancellationError()
    }
  }

  func metricSteps(_ job: Int) throws -> [Int] {
    struct Line: Decodable { let step: Int }
    return try String(contentsOfFile: results(job) + "/metrics.jsonl", encoding: .utf8)
      .split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)).step }
  }
}
