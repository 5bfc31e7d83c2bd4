import Foundation
import Jobs
import Testing

/// The completions as the three shells show them in a real terminal.
@Suite(.timeLimit(.minutes(10)), .enabled(if: TerminalSession.isPossible))
struct CompletionTests {
  enum Shell: String, CaseIterable {
    case bash, zsh, fish

    /// What starts it without anybody's settings.
    var command: String {
      switch self {
      case .bash: "bash --norc"
      case .zsh: "zsh -f"
      case .fish: "fish --no-config"
      }
    }

    /// What has it complete the words of `programs`, whose scripts are in the folder it is in.
    func setUp(_ programs: [String]) -> String {
      switch self {
      case .bash:
        "bind 'set show-all-if-ambiguous on'; " + programs.map { ". ./\($0).bash; " }.joined()
      case .zsh: "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; "
      case .fish: programs.map { "source \($0).fish; " }.joined()
      }
    }

    func script(_ program: String) -> String {
      self == .zsh ? "_\(program)" : "\(program).\(self)"
    }
  }

  /// What is typed, OTHER being another spool, and either all that is offered then, or what the line becomes.
  static let lines: [(String, offers: Set<String>, becomes: String?)] = [
    ("ddpmctl cancel ", ["waits-a", "1", "held-d", "4"], nil),
    ("ddpmctl cancel 1 held-d ", ["waits-a", "4"], nil),
    ("ddpmctl retry f", [], "ddpmctl retry failed-b"),
    ("ddpmctl release ", ["held-d", "4"], nil),
    ("ddpmctl remove ", ["failed-b", "2", "done-c", "3", "9-done", "5"], nil),
    ("ddpmctl extend --steps 9 ", ["failed-b", "2", "done-c", "3"], nil),
    (
      "ddpmctl show ",
      ["waits-a", "failed-b", "done-c", "held-d", "9-done", "1", "2", "3", "4", "5"], nil
    ),
    ("ddpmctl show 9", [], "ddpmctl show 9-done"),
    ("ddpmctl show --root OTHER ", ["waits-z", "1"], nil),
    ("ddpmctl --root OTHER show w", [], "ddpmctl --root OTHER show waits-z"),
    ("ddpmctl show --root absent x", [], "ddpmctl show --root absent x"),
    ("ddpmctl submit --after h", [], "ddpmctl submit --after held-d"),
    ("ddpmctl submit ", ["job.json", "lib/", "spool/"], nil),
    ("ddpmctl model show ", ["done-c", "3", "lib/", "spool/"], nil),
    ("ddpmctl list --state ca", [], "ddpmctl list --state cancelled"),
    ("ddpmctl purge --state ", ["done", "failed", "cancelled", "timed-out"], nil),
    ("ddpmctl plot --metric l", ["loss", "learning-rate"], nil),
    ("ddpmctl plot --format k", [], "ddpmctl plot --format kitty"),
    ("ddpmctl ca", [], "ddpmctl cancel"),
    ("ddpmd --set max_w", [], "ddpmd --set max_workers=1"),
    ("ddpmd --set stop", [], "ddpmd --set stop_grace=1min"),
  ]

  @Test(arguments: Shell.allCases.filter { TerminalSession.isInstalled($0.rawValue) })
  func offersWhatMakesSense(_ shell: Shell) async throws {
    let bench = try Bench()
    try bench.admit("waits-a", .queued)
    try bench.admit("failed-b", kind: "train", .failed)
    try bench.admit("done-c", kind: "train", .done)
    try bench.admit("held-d", .held)
    try bench.admit("9-done", kind: "evaluate", .done)
    let other = try Bench()
    try other.admit("waits-z", .queued)
    for name in ["job.json", "notes.txt"] {
      try Data().write(to: URL(filePath: "\(bench.root)/\(name)"))
    }
    let programs = ["ddpmctl", "ddpmd"]
    for program in programs {
      let script = try Invocation(
        ["--generate-completion-script", shell.rawValue], root: bench.root, program: program
      ).end().output
      try Data(script.utf8).write(to: URL(filePath: "\(bench.root)/\(shell.script(program))"))
    }

    let terminal = try TerminalSession(bench, shell.command, width: 100, height: 40)
    try terminal.type(shell.setUp(programs) + "echo ready\n")
    try await terminal.screen { $0.contains("\nready") }
    for (line, offers, becomes) in Self.lines {
      try terminal.press("C-l")
      try terminal.type(line.replacing("OTHER", with: other.root) + "\t")
      if let becomes {
        try await terminal.screen { screen in
          // bash escapes what need not be.
          let shown = (screen.split(separator: "\n").first ?? "").replacing("\\", with: "")
          return shown.hasSuffix(becomes.replacing("OTHER", with: other.root))
            && Self.offered(on: screen) == []
        }
      } else {
        try await terminal.screen { Self.offered(on: $0) == offers }
      }
      try terminal.press("C-u")
    }
  }

  /// What is listed below the line that is typed, without the words about each.
  private static func offered(on screen: String) -> Set<String> {
    // bash then shows that line again.
    let prompt = screen.prefix { $0 != " " }
    let list = screen.split(separator: "\n").dropFirst().filter { !$0.hasPrefix(prompt) }
    return Set(
      list.flatMap {
        $0.replacing(/\(.*?\)| -- .*/, with: " ").split(separator: " ").map(String.init)
      })
  }
}
