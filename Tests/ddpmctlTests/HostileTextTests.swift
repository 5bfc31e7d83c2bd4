import DurableIO
import Jobs
import Spool
import StrictJSON
import Testing

@testable import ddpmctl

/// What stands in files that others wrote steers nobody's terminal and fakes no line.
@Suite(.timeLimit(.minutes(10))) struct HostileTextTests {
  private static let hostile =
    "/srv/\u{1B}[31mX\u{1B}]0;title\u{7}\u{9B}2J\u{202E}\nNov 25 sshd[1]: Accepted root"
  private static let shown =
    #"/srv/\u{1B}[31mX\u{1B}]0;title\u{7}\u{9B}2J\u{202E}\nNov 25 sshd[1]: Accepted root"#

  /// All that may be sent: lines of visible text, and colours of ddpmctl's own.
  private func expectHarmless(_ output: String, _ command: [String]) {
    let plain = output.replacing(/\u{1B}\[(7|31|32|33|90|0)m/, with: "")
    #expect(plain.printableLines == plain, "\(command)")
    #expect(!plain.contains("\nNov") && !output.contains("\u{1B}[31mX"), "\(command)")
  }

  @Test func reasonsAndLogsAreShownEscaped() throws {
    let bench = try Bench()
    try bench.admit("a", kind: "train", .failed, reason: Self.hostile)
    let directory = bench.layout.jobDirectory(1)
    try directory.append(
      JobEvent(
        time: .now(), kind: .crashed, attempt: 1, reason: Self.hostile, logLines: [Self.hostile]))
    try AtomicFile.write("first \(Self.hostile)\n", to: directory.log)
    for command in [["status"], ["list"], ["show", "1"], ["watch", "1"]] {
      for color in ["0", "1"] {
        let run = try bench.run(command, environment: ["CLICOLOR_FORCE": color])
        expectHarmless(run.output + run.errors, command)
        #expect((run.output + run.errors).contains(Self.shown), "\(command)")
      }
    }
    // Lines of a log are lines.
    #expect(
      try bench.run(["logs", "1"]).output
        == "first " + Self.shown.replacing(#"\n"#, with: "\n") + "\n")
  }

  @Test func whatKeepsTheDaemonFromItsWorkIsOneLine() throws {
    let bench = try Bench()
    let daemon = try FileLock.acquire(bench.layout.lock)
    defer { daemon?.release() }
    try AtomicFile.write("a\u{1B}[2J\n", to: bench.layout.problem)
    #expect(try bench.run(["status"]).output.contains(#"  a\u{1B}[2J"#))
  }

  /// JSON stays JSON, and is harmless as well.
  @Test func scriptsGetWhatIsThere() throws {
    let bench = try Bench()
    try bench.admit("a", .failed, reason: Self.hostile)
    for command in [["list", "--json"], ["status", "--json"], ["show", "1", "--json"]] {
      let output = try bench.run(command).output
      expectHarmless(output, command)
      _ = try JSONValue(parsing: output)
    }
    let jobs = try JSONValue(parsing: try bench.run(["list", "--json"]).output)
    #expect(jobs.array?.first?["reason"]?.string == Self.hostile)
  }

  /// Also where a character is written in two goes.
  @Test func aLogIsCutBetweenCharacters() {
    for character in ["a", "é", "€", "😀"] {
      let bytes = Array("x\(character)".utf8)
      for count in 1..<bytes.count {
        #expect(incompleteEnd(of: bytes[..<count]) == count - 1)
      }
      #expect(incompleteEnd(of: bytes[...]) == 0)
    }
    #expect(incompleteEnd(of: [0x80, 0x80, 0x80, 0x80]) == 0)
  }
}
