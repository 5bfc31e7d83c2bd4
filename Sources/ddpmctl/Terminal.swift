import ArgumentParser
import DurableIO
import Glibc

/// A standard stream, as far as it matters what is at its other end.
struct Terminal: Sendable {
  /// Standard output.
  static let output = Terminal(descriptor: 1)
  /// Standard error.
  static let errors = Terminal(descriptor: 2)

  private let descriptor: Int32

  /// Whether somebody watches it live, on something that can redraw a line.
  var isInteractive: Bool {
    isatty(descriptor) == 1 && environment("TERM").map { !$0.isEmpty && $0 != "dumb" } == true
  }

  /// Characters in a line.
  var width: Int { size.columns ?? 80 }

  /// The size in characters, and of one character in pixels, as far as the terminal says it.
  var size: (columns: Int?, rows: Int?, cell: (width: Int, height: Int)?) {
    var size = winsize()
    guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 else { return (nil, nil, nil) }
    let (columns, rows) = (Int(size.ws_col), Int(size.ws_row))
    let hasCells = columns > 0 && rows > 0 && size.ws_xpixel > 0 && size.ws_ypixel > 0
    return (
      columns > 0 ? columns : nil, rows > 0 ? rows : nil,
      hasCells ? (Int(size.ws_xpixel) / columns, Int(size.ws_ypixel) / rows) : nil
    )
  }

  /// Whether to write in colours.
  var usesColor: Bool { Self.usesColor(onTerminal: isInteractive, environment) }

  /// Colours show on a terminal unless `NO_COLOR` is set or `CLICOLOR` is 0, elsewhere if
  /// `CLICOLOR_FORCE` is set and not 0.
  static func usesColor(onTerminal: Bool, _ environment: (String) -> String?) -> Bool {
    func value(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
    if value("NO_COLOR") != nil { return false }
    if let force = value("CLICOLOR_FORCE"), force != "0" { return true }
    return onTerminal && value("CLICOLOR") != "0"
  }

  /// `text` in a colour, one of SGR's numbers, where colours show and there is one.
  func painted(_ text: String, _ color: Int?) -> String {
    guard let color, usesColor else { return text }
    return "\u{1B}[\(color)m\(text)\u{1B}[0m"
  }

  /// Writes all of `text`.
  func write(_ text: String) { write(Array(text.utf8)[...]) }

  /// Writes all of `bytes`; what cannot be written is lost, as for any standard stream.
  func write(_ bytes: ArraySlice<UInt8>) {
    var rest = bytes
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0 && errno != EINTR { return }
      rest = rest.dropFirst(max(count, 0))
    }
  }

  /// Everything that comes out of a pipe, or of whatever else is standard input.
  ///
  /// Throws: EFBIG if there are more than `limit` bytes.
  static func readInput(_ descriptor: Int32 = 0, limit: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= limit {
      let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
      if count == 0 { return bytes }
      if count > 0 {
        bytes += buffer[..<count]
      } else if errno != EINTR {
        throw SystemError(operation: "read", path: "the input", code: errno)
      }
    }
    throw SystemError(operation: "read", path: "the input", code: EFBIG)
  }

  /// Whether characters beyond ASCII are shown as such.
  static var isUnicode: Bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment($0) }
      .first { !$0.isEmpty }
    return locale?.uppercased().contains("UTF-8") == true
      || locale?.uppercased().contains("UTF8") == true
  }
}

/// Reads an argument that is a user.
func userNumber(_ argument: String) throws -> UInt32 {
  if let number = UInt32(argument) { return number }
  guard let entry = unsafe getpwnam(argument) else {
    throw ValidationError("there is no such user; a user's name or number is expected")
  }
  return unsafe entry.pointee.pw_uid
}

/// A variable of the environment.
func environment(_ name: String) -> String? {
  unsafe getenv(name).map { unsafe String(cString: $0) }
}
