import ArgumentParser
import Glibc
import Jobs

// How ddpmctl ends, and how it speaks to people.

/// Exit codes besides 0, which also stands for what was so already; documented in the help.
enum Exit {
  /// Not possible as asked, refused by the daemon, or the job failed.
  static let failed = ExitCode(1)
  /// The job was cancelled.
  static let cancelled = ExitCode(2)
  /// As of diff: the two differ.
  static let differs = ExitCode(1)
  /// As of diff: they could not be compared.
  static let trouble = ExitCode(2)
  /// EX_DATAERR: the job file is wrong, or the model.
  static let wrongFile = ExitCode(65)
  /// EX_TEMPFAIL: not decided yet.
  static let undecided = ExitCode(75)
  /// EX_CONFIG: the daemon's configuration is wrong.
  static let wrongConfiguration = ExitCode(78)
  /// As a shell reports SIGINT.
  static let interrupted = ExitCode(130)

  /// The exit code that stands for a final state; nil where the job did what it should.
  static func code(for state: JobState) -> ExitCode? {
    switch state {
    case .failed: failed
    case .cancelled: cancelled
    case .queued, .running, .deferred, .held, .done: nil
    }
  }
}

/// Writes a line to standard error, what others wrote in it being shown as `print` shows it.
func say(_ message: String) {
  Terminal.errors.write(message.printableLines + "\n")
}

/// Prints lines, in a colour where colours show. What steers a terminal is shown as an escape: much of
/// what is printed stands in files of others. This hides Swift's own, which would print it as it is.
func print(_ text: String = "", color: Int? = nil) {
  Swift.print(Terminal.output.painted(text.printableLines, color))
}

/// Why ddpmctl cannot do what it was asked, and the code that it ends with.
struct Refusal: Error {
  let message: String
  let code: ExitCode

  init(_ message: String, _ code: ExitCode = Exit.failed) {
    self.message = message
    self.code = code
  }
}

/// What of several things that were asked for could not be done: each is said, and the worst decides how
/// ddpmctl ends.
struct Troubles {
  private var messages: [String] = []
  private var code: ExitCode?

  /// From the worst to what is least bad.
  private static let ranks = [
    Exit.interrupted, Exit.wrongFile, Exit.undecided, Exit.failed, Exit.cancelled,
  ]

  /// Whether Ctrl-C is among them.
  var wereInterrupted: Bool { code == Exit.interrupted }

  /// - place: What the message begins with.
  mutating func add(_ refusal: Refusal, _ place: String = "") {
    messages.append(place + refusal.message)
    add(refusal.code)
  }

  mutating func add(_ new: ExitCode) {
    code = Self.ranks.first { $0 == code || $0 == new } ?? new
  }

  /// Throws: all of it, if there is any.
  func end() throws {
    guard let code else { return }
    if messages.isEmpty { throw code }
    throw Refusal(messages.joined(separator: "\n"), code)
  }
}
