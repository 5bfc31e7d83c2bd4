import CLinux
import Glibc
import Synchronization

/// A lock that the kernel holds for a living process and drops when it dies, however it dies.
///
/// The lock lasts until `release` or the end of the process, not the end of the object: a lock
/// must not vanish because the optimizer saw the last use of its handle. The file holds the
/// holder's process id; it stays when the lock is gone. Open-file-description locks (fcntl(2))
/// are used because, unlike with flock(2), asking whether a lock is held does not take it: a
/// reader never makes a starting program believe that its twin is alive.
public final class FileLock: Sendable {
  /// The file that is locked.
  public let path: String
  private let file: Mutex<OpenFile?>

  private init(_ file: OpenFile) {
    path = file.path
    self.file = Mutex(file)
  }

  /// Locks `path`, which is created where missing; nil if another holder is alive.
  public static func acquire(_ path: String) throws(SystemError) -> FileLock? {
    // Ten seconds, in so many waits that time in which the machine stands still hardly counts.
    for _ in 0..<1000 {
      if let lock = try lock(path, OFD_SETLK) { return lock }
      guard try isLeftBehind(path) else { return nil }
      usleep(10_000)
    }
    return nil
  }

  /// Whether the holder that the lock is known by is dead: a program that it was just starting has a
  /// copy of its descriptor until its exec, and lets go then.
  private static func isLeftBehind(_ path: String) throws(SystemError) -> Bool {
    guard let holder = try holder(path) else { return try !isHeld(path) }
    return kill(holder, 0) != 0 && errno == ESRCH
  }

  /// Locks `path`, waiting for another holder to let go or die.
  public static func wait(_ path: String) throws(SystemError) -> FileLock {
    while true {
      if let lock = try lock(path, OFD_SETLKW) { return lock }
    }
  }

  /// Whether some process holds the lock now.
  public static func isHeld(_ path: String) throws(SystemError) -> Bool {
    do {
      let file = try OpenFile(reading: path)
      var request = wholeFile(F_WRLCK)
      try Syscalls.call("examine the lock of", path) {
        unsafe fcntl(file.descriptor, Int32(OFD_GETLK), &request)
      }
      return request.l_type != Int16(F_UNLCK)
    } catch {
      if error.isNotFound { return false }
      throw error
    }
  }

  /// The process id that the holder wrote; nil if nobody holds the lock.
  public static func holder(_ path: String) throws(SystemError) -> Int32? {
    guard try isHeld(path) else { return nil }
    let text = String(decoding: try readFile(path, limit: 64), as: UTF8.self)
    return Int32(text.prefix { $0.isASCII && $0.isNumber })
  }

  /// Lets go. The second time nothing happens.
  public func release() {
    file.withLock { file in
      if let descriptor = file?.descriptor {
        // Closing is not enough: a program that another thread is just starting has a copy of the
        // descriptor until its exec.
        var request = Self.wholeFile(F_UNLCK)
        _ = unsafe fcntl(descriptor, Int32(OFD_SETLK), &request)
      }
      file = nil
    }
  }

  private static func lock(
    _ path: String, _ command: Int
  ) throws(SystemError) -> FileLock? {
    let file = try OpenFile(path, flags: O_RDWR | O_CREAT)
    var request = wholeFile(F_WRLCK)
    do {
      try Syscalls.call("lock", path) {
        unsafe fcntl(file.descriptor, Int32(command), &request)
      }
    } catch {
      if error.code == EAGAIN || error.code == EACCES { return nil }
      throw error
    }
    // Also on a full disk, where there was a holder before.
    try file.overwrite(with: Array("\(getpid())\n".utf8))
    return FileLock(file)
  }

  private static func wholeFile(_ type: Int32) -> flock {
    var request = flock()
    request.l_type = Int16(type)
    request.l_whence = Int16(SEEK_SET)
    return request
  }
}
