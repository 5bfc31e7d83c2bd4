import Glibc

/// A file that says one sentence, or nothing, to whoever reads it; also on a full disk, and where no
/// more files can be opened, which is what it may have to say.
///
/// It is kept open, with room for the longest sentence, and rewritten in place. A reader takes the
/// first line. What it says does not survive a power cut.
public final class NoticeFile: Sendable {
  /// A block of most file systems, which they do not take away from a file that is cut to less.
  private static let room = 4096
  private let file: OpenFile

  /// Opens the notice at `path`, made where missing; it says nothing.
  public init(_ path: String) throws(SystemError) {
    file = try OpenFile(path, flags: O_WRONLY | O_CREAT | O_NOFOLLOW)
    try file.overwrite(with: [UInt8](repeating: newline, count: Self.room))
    try say(nil)
  }

  /// Replaces what it says.
  public func say(_ sentence: String?) throws(SystemError) {
    try file.overwrite(with: (sentence ?? "").utf8.prefix(Self.room - 1) + [newline])
  }
}

private let newline = UInt8(ascii: "\n")
