import Glibc
import Testing

/// Somebody at the other end of a Unix socket.
final class UnixClient {
  private let descriptor: Int32

  init(_ path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    // A test that waits in vain fails.
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      unsafe setsockopt(
        descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
    }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, size)
      }
    }
    guard result == 0 else {
      close(descriptor)
      throw Refused(code: errno)
    }
  }

  struct Refused: Error { let code: Int32 }

  deinit { close(descriptor) }

  func say(_ text: String) {
    let bytes = Array(text.utf8)
    unsafe _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  /// All that is said until the connection is closed, which this waits for.
  func hear() -> String {
    var said: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = unsafe read(descriptor, &chunk, chunk.count)
      if count <= 0 { return String(decoding: said, as: UTF8.self) }
      said += chunk[..<count]
    }
  }

  /// Whether the other end has closed the connection, or has said something.
  var isReady: Bool {
    var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe Glibc.poll(&polled, 1, 0) == 1
  }
}
