import DurableIO
import Glibc
import Supervision

/// Notices what changes in a tree of folders (inotify(7)), within some ten microseconds: for kills
/// at moments that random delays would rarely meet. A folder that is new is watched from its
/// appearance on; what happens in it just before is missed.
final class TreeWatch {
  private let descriptor: Int32
  private var folders: [Int32: String] = [:]

  /// Watches everything below `paths`.
  init(_ paths: [String]) throws {
    descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
    guard descriptor >= 0 else {
      throw SystemError(operation: "watch", path: "folders", code: errno)
    }
    for path in paths { add(path) }
  }

  deinit { close(descriptor) }

  /// Forgets what has happened so far.
  func discard() { while !take().isEmpty {} }

  /// Waits for the next change at a path that `isWanted`; false if there is none in time.
  func wait(until deadline: ContinuousClock.Instant, for isWanted: (String) -> Bool) -> Bool {
    while ContinuousClock.now < deadline {
      _ = poll([descriptor], until: deadline)
      if take().contains(where: isWanted) { return true }
    }
    return false
  }

  private func add(_ folder: String) {
    let events = UInt32(
      IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR | IN_DONT_FOLLOW)
    let watch = unsafe inotify_add_watch(descriptor, folder, events)
    // It is gone again, or no folder.
    guard watch >= 0 else { return }
    folders[watch] = folder
    for name in (try? Directory.names(in: folder)) ?? [] { add(folder + "/" + name) }
  }

  /// The paths of the changes that there are.
  private func take() -> [String] {
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    let count = unsafe read(descriptor, &buffer, buffer.count)
    var paths: [String] = []
    var offset = 0
    // struct inotify_event: watch, mask, cookie and the name's length, 32 bits each; the name.
    while offset + 16 <= count {
      func word(_ index: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(buffer[offset + index * 4 + $1]) << (8 * UInt32($1)) }
      }
      let (watch, mask, length) = (Int32(bitPattern: word(0)), word(1), Int(word(3)))
      let name = buffer[offset + 16..<offset + 16 + length].prefix { $0 != 0 }
      if let folder = folders[watch] {
        let path = folder + "/" + String(decoding: name, as: UTF8.self)
        if mask & UInt32(IN_ISDIR) != 0 && mask & UInt32(IN_CREATE | IN_MOVED_TO) != 0 {
          add(path)
        }
        if mask & UInt32(IN_IGNORED) != 0 { folders[watch] = nil } else { paths.append(path) }
      }
      offset += 16 + length
    }
    return paths
  }
}
