import Glibc

/// The terminal as a screen of its own: keys come one by one and unseen, and what was there before
/// comes back with `restore`.
///
/// SIGINT, SIGTERM and SIGHUP are blocked from `init` on and reported by `next`, so that nothing ends
/// the program before it has restored the terminal.
struct FullScreen {
  enum Input: Equatable {
    case key(UInt8)
    case up
    case down
    /// The time is over, or the terminal has another size.
    case nothing
    /// A signal, or the end of the input.
    case end
  }

  private let saved: termios
  private var signals = sigset_t()
  /// Read and not yet reported: keys come faster than they are asked for.
  private var pending: [UInt8] = []

  /// Nil where standard input is no terminal.
  init?() {
    var mode = termios()
    guard unsafe tcgetattr(0, &mode) == 0 else { return nil }
    saved = mode
    unsafe sigemptyset(&signals)
    for signal in [SIGINT, SIGTERM, SIGHUP] { unsafe sigaddset(&signals, signal) }
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    // Only a signal that is handled interrupts the wait.
    signal(SIGWINCH) { _ in }
    mode.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
    mode.c_iflag &= ~tcflag_t(IXON | ICRNL)
    unsafe tcsetattr(0, TCSAFLUSH, &mode)
    // The alternate screen, without a cursor.
    Terminal.output.write("\u{1B}[?1049h\u{1B}[?25l")
  }

  func restore() {
    Terminal.output.write("\u{1B}[?25h\u{1B}[?1049l")
    var mode = saved
    unsafe tcsetattr(0, TCSAFLUSH, &mode)
  }

  /// Replaces what is shown.
  func draw(_ lines: [String]) {
    let text = lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n")
    Terminal.output.write("\u{1B}[H" + text + "\u{1B}[J")
  }

  /// Waits for a key, a second at most.
  mutating func next() -> Input {
    var request = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
    let count = pending.isEmpty ? unsafe poll(&request, 1, 1000) : 0
    var none = timespec()
    if unsafe sigtimedwait(&signals, nil, &none) > 0 { return .end }
    if count > 0 {
      var bytes = [UInt8](repeating: 0, count: 64)
      let read = unsafe Glibc.read(0, &bytes, bytes.count)
      if read <= 0 { return .end }
      pending = Array(bytes[..<read])
    }
    return takePending()
  }

  private mutating func takePending() -> Input {
    guard let first = pending.first else { return .nothing }
    let sequence = pending.prefix(3)
    if first == 0x1B, sequence.count == 3, "[O".utf8.contains(sequence[1]) {
      pending.removeFirst(3)
      switch UnicodeScalar(sequence[2]) {
      case "A": return .up
      case "B": return .down
      default: return .nothing
      }
    }
    pending.removeFirst()
    // Ctrl-C and Ctrl-D.
    return first == 3 || first == 4 ? .end : .key(first)
  }
}
