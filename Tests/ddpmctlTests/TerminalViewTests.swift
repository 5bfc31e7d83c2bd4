import DurableIO
import Foundation
import Jobs
import Spool
import Testing

/// What ddpmctl shows in terminals: the real program in tmux.
@Suite(.timeLimit(.minutes(10)), .enabled(if: TerminalSession.isPossible))
struct TerminalViewTests {
  private let bench: Bench

  init() throws {
    bench = try Bench()
    for (id, name) in [(1, "first-with-a-rather-long-name"), (2, "second")] {
      try bench.admit(name, kind: "train", id == 1 ? .queued : .done)
      let lines = (1...300).map { "{\"step\": \($0), \"loss\": \(Double(id) / Double($0))}\n" }
      try AtomicFile.write(lines.joined(), to: bench.layout.jobDirectory(id).metrics)
    }
  }

  /// What is on the screen after a command has ended, without the line that it was typed in.
  private func screen(
    of command: String, width: Int = 80, hasEscapes: Bool = false,
    variables: [String: String] = [:]
  ) async throws -> [Substring] {
    let terminal = try TerminalSession(
      bench, "/bin/sh", width: width, height: 24, variables: variables)
    try terminal.type("clear; echo; \(command); echo ended\n")
    let screen = try await terminal.screen(hasEscapes: hasEscapes) {
      $0.replacing(/\u{1B}\[[0-9;]*m/, with: "").contains("\nended\n")
    }
    return screen.components(separatedBy: "ended\n")[0].split(separator: "\n")
  }

  private func isBraille(_ character: Character) -> Bool {
    character.unicodeScalars.contains { (0x2801...0x28FF).contains($0.value) }
  }

  @Test(arguments: [40, 80, 132]) func aPlotFillsTheWidth(width: Int) async throws {
    let lines = try await screen(of: "ddpmctl plot second", width: width)
    #expect(lines.first == "train second (job 2)")
    #expect(lines.last?.hasSuffix("optimizer step") == true)
    // The frame is one line from the left to the right, which none behind it continues.
    let frame = try #require(lines.firstIndex { $0.contains("└") })
    #expect((width - 1...width).contains(lines[frame].count))
    #expect(lines.count == frame + 3)
    // The curve falls from the upper left corner to the lower right one.
    let curve = lines[..<frame].filter { $0.contains(where: isBraille) }
    #expect(curve.count > 8)
    #expect(curve.first?.prefix(width / 4).contains(where: isBraille) == true)
    #expect(curve.last?.dropFirst(width * 3 / 4).contains(where: isBraille) == true)
  }

  @Test(
    arguments: [
      ([:], true), (["NO_COLOR": "1"], false), (["CLICOLOR": "0"], false),
      (["TERM": "dumb"], false),
    ] as [([String: String], Bool)])
  func coloursRespectTheEnvironment(_ variables: [String: String], _ isColored: Bool) async throws {
    let settings = variables.map { "\($0.key)=\($0.value) " }.joined()
    try bench.admit("third", kind: "train", .failed)
    for command in ["plot 1 2", "diff 1 2", "list", "status", "show 3"] {
      let lines = try await screen(of: "\(settings)ddpmctl \(command)", hasEscapes: true)
      #expect(lines.count > 2)
      #expect(lines.contains { $0.contains("\u{1B}[") } == isColored)
    }
  }

  /// Behind a pipe there are no escape sequences, whatever the terminal around it.
  @Test func aPipeGetsPlainText() async throws {
    let commands = ["plot 1 2", "list", "status", "show 1", "diff 1 2", "compare 1 2"]
    let all = commands.map { "ddpmctl \($0)" }.joined(separator: "; ")
    _ = try await screen(
      of: "( \(all) ) 2>&1 | cat >output", variables: ["KITTY_WINDOW_ID": "1"])
    let output = try String(contentsOfFile: bench.root + "/output", encoding: .utf8)
    #expect(output.contains("2 train jobs") && output.contains("JOB  NAME"))
    #expect(!output.contains("\u{1B}"))
  }

  @Test(arguments: [
    ("TERM=xterm-kitty", "\u{1B}_Ga=T,f=100,"), ("TERM=foot", "\u{1B}Pq"),
    ("TERM=xterm-256color", nil), ("TERM=xterm-kitty TMUX=1", nil),
  ])
  func picturesGoWhereTheyAreShown(_ settings: String, _ beginning: String?) async throws {
    // Recorded is what the terminal is sent; it is not one that shows pictures itself.
    let record = "tmux pipe-pane -t test 'cat >\(bench.root)/sent'"
    _ = try await screen(of: "\(record); env -u TMUX \(settings) ddpmctl plot 2")
    var sent = ""
    while !sent.contains("ended") {
      try await Task.sleep(for: .milliseconds(10))
      sent = (try? String(contentsOfFile: bench.root + "/sent", encoding: .utf8)) ?? ""
    }
    if let beginning {
      #expect(sent.contains(beginning) && !sent.contains(where: isBraille))
    } else {
      #expect(
        sent.contains(where: isBraille) && !sent.contains("\u{1B}_G") && !sent.contains("\u{1B}P"))
    }
  }

  @Test(arguments: [40, 60, 100]) func aListHasALineAJob(width: Int) async throws {
    let lines = try await screen(of: "ddpmctl list", width: width)
    #expect(lines.count == 3)
    #expect(lines[0].hasPrefix("JOB  NAME"))
    #expect(lines[1].hasPrefix("1    first-with-a-rather-long-name"))
    #expect(lines[2].hasPrefix("2    second"))
    #expect(lines.allSatisfy { $0.count <= width })
    #expect(lines[1].hasSuffix(width == 100 ? "waits for ddpmd" : "..."))
  }

  /// Sentences go on in the next line; none is cut.
  @Test func statusSaysAllInANarrowTerminal() async throws {
    let text = try await screen(of: "ddpmctl status", width: 40).joined()
    #expect(text.contains("ddpmd is not running; start it with:"))
    #expect(text.contains("jobs: 1 queued, 1 done"))
  }
}
