import Foundation
import Testing

/// A program in a real terminal, as far as tmux is one; it ends with this value's last use.
final class TerminalSession {
  /// Whether there is tmux; `make test` installs it.
  static var isPossible: Bool { isInstalled("tmux") }

  static func isInstalled(_ program: String) -> Bool {
    FileManager.default.isExecutableFile(atPath: "/usr/bin/\(program)")
  }

  /// The folder of ddpmctl and the other programs.
  static let programs = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().path

  private let bench: Bench
  /// Of a server of its own: another may be about to end.
  private let socket: String
  private let variables: [String: String]

  /// Starts `command` in the spool's folder, in a terminal of the given size.
  init(
    _ bench: Bench, _ command: String, width: Int, height: Int, variables: [String: String] = [:]
  ) throws {
    self.bench = bench
    socket = "\(bench.root)/tmux\(UInt32.random(in: 0 ... .max))"
    self.variables = variables
    try tmux(
      "new-session", "-d", "-s", "test", "-c", bench.root, "-x", "\(width)", "-y", "\(height)",
      command)
  }

  deinit {
    // Without a session its server ends. (kill-server would send it SIGTERM, which what is started
    // here inherits blocked.)
    _ = try? tmux("kill-session", "-t", "test")
  }

  /// Types `text`.
  func type(_ text: String) throws { try tmux("send-keys", "-t", "test", "-l", text) }

  /// Presses a key by its name, such as `C-c`.
  func press(_ key: String) throws { try tmux("send-keys", "-t", "test", key) }

  func resize(width: Int, height: Int) throws {
    try tmux("resize-window", "-t", "test", "-x", "\(width)", "-y", "\(height)")
  }

  /// The process that was started.
  func process() throws -> Int32 {
    let text = try tmux("display-message", "-p", "-t", "test", "#{pane_pid}")
    return try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
  }

  /// What is on the screen once it is as it should be; if it never comes to be, that is an issue.
  ///
  /// - hasEscapes: With colours, as escape sequences.
  @discardableResult
  func screen(hasEscapes: Bool = false, where isRight: (String) -> Bool) async throws -> String {
    var screen = ""
    for _ in 0..<3000 {
      screen = try tmux(
        hasEscapes
          ? ["capture-pane", "-p", "-e", "-t", "test"] : ["capture-pane", "-p", "-t", "test"])
      if isRight(screen) { return screen }
      // Other tests wait for this thread.
      try await Task.sleep(for: .milliseconds(100))
    }
    Issue.record("the screen never came to be right: \(screen)")
    return screen
  }

  @discardableResult
  private func tmux(_ arguments: String...) throws -> String { try tmux(arguments) }

  @discardableResult
  private func tmux(_ arguments: [String]) throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: "/bin/bash")
    // tmux's server outlives the command: of this process's pipes it must keep none open.
    let closing = "for fd in /proc/self/fd/*; do [ ${fd##*/} -gt 2 ] && eval \"exec ${fd##*/}>&-\";"
    process.arguments =
      ["-c", closing + " done; exec tmux \"$@\"", "tmux"]
      + ["-S", socket, "-f", "/dev/null"] + arguments
    process.environment = [
      "DDPM_ROOT": bench.root, "HOME": bench.root, "LC_ALL": "C.UTF-8", "TERM": "xterm",
      "PATH": Self.programs + ":/usr/bin:/bin",
    ].merging(variables) { $1 }
    process.standardOutput = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text
  }
}
