import Foundation
import Glibc
import Testing

/// One of the package's programs, run for real.
final class Program {
  private let process = Process()
  private let output: String

  /// Starts `name` from the folder that the tests were built into.
  ///
  /// - launcher: a program, with its arguments, that runs the command behind them.
  /// - output: the file that gets standard output and, without `errors`, standard error.
  init(
    _ name: String, _ arguments: [String], by launcher: [String] = [],
    environment: [String: String] = [:], output: String, errors: String? = nil
  ) throws {
    self.output = output
    let command = launcher + [try Self.path(name)] + arguments
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let file = try Self.emptyFile(output)
    let errors = try errors.map(Self.emptyFile) ?? file
    process.standardOutput = file
    process.standardError = errors
    process.standardInput = FileHandle.nullDevice
    try process.run()
    // `Process` keeps them open for ever, and cannot start another one when there are too many.
    for file in [file, errors] { try? file.close() }
  }

  /// Where a program of the package is.
  static func path(_ name: String) throws -> String {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(fileURLWithPath: tests).deletingLastPathComponent().path + "/" + name
  }

  private static func emptyFile(_ path: String) throws -> FileHandle {
    try #require(FileManager.default.createFile(atPath: path, contents: nil))
    return try #require(FileHandle(forWritingAtPath: path))
  }

  deinit { if process.isRunning { send(SIGKILL) } }

  var processID: Int32 { process.processIdentifier }

  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Waits for its end: the exit code, or the signal as a negative number.
  func end(within limit: Duration = patience) async throws -> Int32 {
    try await until("\(process.executableURL?.lastPathComponent ?? "") ends", within: limit) {
      !process.isRunning
    }
    return process.terminationReason == .exit
      ? process.terminationStatus : -process.terminationStatus
  }

  /// What it has written so far.
  var text: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }
}

/// Longer than anything takes on a machine that has much else to do.
let patience = Duration.seconds(300)

/// Waits until `condition` holds; a test that waits in vain fails. Time in which the test itself
/// does not get on, for the whole machine stands still, does not count.
func until(
  _ what: String, within limit: Duration = patience,
  _ condition: () async throws -> Bool
) async throws {
  var waited = Duration.zero
  var last = ContinuousClock.now
  while waited < limit {
    if try await condition() { return }
    try await Task.sleep(for: .milliseconds(5))
    let now = ContinuousClock.now
    waited += min(last.duration(to: now), .seconds(1))
    last = now
  }
  Issue.record("waited in vain until \(what)")
  throw CancellationError()
}

/// A folder that goes with the object.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/ddpmd-e2e-XXXXXX".utf8CString)
    path = try #require(unsafe mkdtemp(&template).map { unsafe String(cString: $0) })
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }

  func text(_ name: String) throws -> String {
    try String(contentsOfFile: path + "/" + name, encoding: .utf8)
  }

  /// Writes a file whole: it appears under its name when it is complete.
  func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws {
    let temporary = path + "/" + UUID().uuidString
    try text.write(toFile: temporary, atomically: false, encoding: .utf8)
    unsafe chmod(temporary, mode)
    try #require(unsafe rename(temporary, path + "/" + name) == 0)
  }
}
