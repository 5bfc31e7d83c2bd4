import Foundation
import Glibc
import Testing

/// One of the package's programs, run for real.
final class Program {
  private let process = Process()
  private let output: String

  /// Starts `name` from the folder that the tests were built into.
  ///
  /// - output: the file that gets standard output and, without `errors`, standard error.
  init(
    _ name: String, _ arguments: [String], environment: [String: String] = [:], output: String,
    errors: String? = nil
  ) throws {
    self.output = output
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    process.executableURL = URL(fileURLWithPath: tests).deletingLastPathComponent()
      .appendingPathComponent(name)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let file = try Self.emptyFile(output)
    process.standardOutput = file
    process.standardError = try errors.map(Self.emptyFile) ?? file
    process.standardInput = FileHandle.nullDevice
    try process.run()
  }

  private static func emptyFile(_ path: String) throws -> FileHandle {
    try #require(FileManager.default.createFile(atPath: path, contents: nil))
    return try #require(FileHandle(forWritingAtPath: path))
  }

  deinit { if process.isRunning { send(SIGKILL) } }

  var processID: Int32 { process.processIdentifier }

  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Waits for its end: the exit code, or the signal as a negative number.
  func end(within limit: Duration = .seconds(60)) async throws -> Int32 {
    try await until("\(process.executableURL?.lastPathComponent ?? "") ends", within: limit) {
      !process.isRunning
    }
    return process.terminationReason == .exit
      ? process.terminationStatus : -process.terminationStatus
  }

  /// What it has written so far.
  var text: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }
}

/// Waits until `condition` holds; a test that waits in vain fails.
func until(
  _ what: String, within limit: Duration = .seconds(60), _ condition: () throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + limit
  while ContinuousClock.now < deadline {
    if try condition() { return }
    try await Task.sleep(for: .milliseconds(5))
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
