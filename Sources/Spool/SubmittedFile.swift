import DurableIO
import Glibc
import Jobs
import StrictJSON

/// A file that somebody else put into the spool, opened with suspicion.
///
/// Only a regular file with one name and at most `sizeLimit` bytes is read, without following a
/// link, without waiting for the other end of a pipe; and only if it is the same before and after.
struct SubmittedFile {
  /// No job file is longer.
  static let sizeLimit = 1 << 20

  let bytes: [UInt8]
  /// The user whose file it is.
  let owner: UInt32
  /// When it was last touched.
  let touched: FileStatus.Time

  /// What became of an attempt to read a file.
  enum Reading {
    case file(SubmittedFile)
    /// Somebody took it away.
    case vanished
    /// It was written to while it was read.
    case changing
    /// It may become readable if somebody is still at work on it.
    case unsettled(String, touched: FileStatus.Time)
    /// It never will be what is wanted.
    case unfit(String)
  }

  /// Whether a name in `drop/` is that of a file that is not to be looked at yet: one that rsync
  /// is copying, for example.
  static func isHidden(_ name: String) -> Bool { name.hasPrefix(".") }

  /// Whether a name in `drop/` is one that a job or command file may have; see `namePattern`.
  static func isWellNamed(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    let stem = bytes.dropLast(5)
    return name.hasSuffix(".json") && (1...128).contains(stem.count)
      && stem.allSatisfy { isAlphanumeric($0) || "_.-".utf8.contains($0) }
      && isAlphanumeric(stem[0])
  }

  /// Reads the file at `path`.
  ///
  /// - touched: the time that counts as that of its last touch.
  ///
  /// Throws: `SystemError` where the machine is at fault, or what happened is not understood.
  static func read(
    _ path: String, touched: (FileStatus) -> FileStatus.Time
  ) throws(SystemError) -> Reading {
    let file: OpenFile
    do {
      file = try OpenFile(path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    } catch {
      switch error.code {
      case ENOENT: return .vanished
      case ELOOP: return .unfit("it is a symbolic link; submit the file itself")
      // Its owner has a lease on it, fcntl(2), and is about to change it.
      case EAGAIN: return .changing
      case ENXIO, ENODEV: return .unfit("it is not a regular file")
      case EACCES, EPERM:
        return .unsettled(
          "the daemon may not read it; submit it with permissions like 0644",
          touched: touched(try FileStatus(ofLink: path)))
      default: throw error
      }
    }
    let before = try file.status()
    switch before.kind {
    case .regular: break
    case .directory: return .unfit(directoryReason)
    default: return .unfit("it is not a regular file")
    }
    if before.size > sizeLimit {
      return .unfit("it has \(before.size) bytes; a job file has at most \(sizeLimit)")
    }
    if before.links > 1 {
      return .unsettled(
        "it has \(before.links) names (hard links); submit a copy", touched: touched(before))
    }
    let bytes: [UInt8]
    do {
      bytes = try file.readAll(limit: sizeLimit)
    } catch  where error.code == EFBIG {
      return .changing
    }
    guard try file.status() == before, bytes.count == before.size else { return .changing }
    return .file(SubmittedFile(bytes: bytes, owner: before.owner, touched: touched(before)))
  }

  static let directoryReason = "it is a directory; submit one file a job"

  /// The names of files that are taken, for people.
  static let namePattern = #"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}\.json"#

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: false
    }
  }
}
