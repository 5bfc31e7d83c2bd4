import Jobs

/// The last line on standard error: redrawn in place on a terminal; elsewhere written anew when it
/// says something new, and not oftener than every ten seconds where only numbers change.
struct LiveLine {
  /// What is on the line, or was written last.
  private var shown = ""
  /// Whether that is progress, and how often progress was passed over since.
  private var passedOver: Int?
  /// Looks, four a second, from one plain line of progress to the next.
  private static let looksBetweenLines = 40

  /// Shows a state in words.
  mutating func show(_ text: String) {
    passedOver = nil
    if Terminal.errors.isInteractive {
      draw(String(text.prefix(Terminal.errors.width - 1)))
    } else if text != shown {
      say(text)
      shown = text
    }
  }

  /// Shows progress.
  mutating func show(_ line: ProgressLine) {
    if Terminal.errors.isInteractive {
      draw(line.bar(width: Terminal.errors.width, unicode: Terminal.isUnicode))
    } else if let looks = passedOver, looks < LiveLine.looksBetweenLines {
      passedOver = looks + 1
    } else {
      show(line.plain)
      passedOver = 0
    }
  }

  /// Says something that stays on the screen.
  mutating func note(_ text: String) {
    clear()
    say(text)
  }

  /// Takes a redrawn line away, so that other output begins on a clean one.
  mutating func clear() {
    if Terminal.errors.isInteractive, !shown.isEmpty { Terminal.errors.write("\r\u{1B}[K") }
    shown = ""
  }

  private mutating func draw(_ line: String) {
    let line = line.printable
    if line != shown { Terminal.errors.write("\r\(line)\u{1B}[K") }
    shown = line
  }
}
