// Answers `GET /metrics` on a Unix socket, within the daemon's loop: `curl --unix-socket PATH
// http://localhost/metrics`.
//
// Nothing here blocks, and whatever clients do costs little: there are at most `room` of them, each
// has `patience` to say what it wants in at most `longestRequest` bytes and is answered by one
// call; who does not read what it is answered, misses it. Where there is no room, who has been silent
// for longest makes way: silence holds up nobody who asks.

import CLinux
import DurableIO
import Glibc

/// A listening socket and its clients.
final class MetricsServer {
  private static let room = 8
  private static let patience = Duration.seconds(5)
  private static let longestRequest = 8192
  private static let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

  let path: String
  private let listener: Int32
  private var clients: [Int32: Client] = [:]
  /// Until when no client is accepted, after a failure that would come again at once.
  private var pause: ContinuousClock.Instant?

  private struct Client {
    var request: [UInt8] = []
    let until = ContinuousClock.now + patience
  }

  /// Listens at `path`, where anybody may ask; a socket that nobody listens at any more is replaced.
  init(_ path: String) throws(SystemError) {
    // Before there is an object, whose end would remove what may be another's.
    listener = try Self.listen(at: path)
    self.path = path
  }

  deinit {
    for client in clients.keys { close(client) }
    close(listener)
    try? Directory.remove(path)
  }

  /// What can wake the daemon.
  var descriptors: [Int32] {
    (pause == nil ? [listener] : []) + clients.keys
  }

  /// When it has to be woken at the latest.
  var deadline: ContinuousClock.Instant? {
    (clients.values.map(\.until) + (pause.map { [$0] } ?? [])).min()
  }

  /// Does what there is to do at a descriptor that is ready.
  ///
  /// - metrics: What to answer with.
  func take(_ descriptor: Int32, _ metrics: () -> String) {
    if descriptor == listener { return accept(metrics) }
    guard clients[descriptor] != nil else { return }
    var chunk = [UInt8](repeating: 0, count: Self.longestRequest)
    let count = unsafe read(descriptor, &chunk, chunk.count)
    if count < 0, errno == EAGAIN || errno == EINTR { return }
    guard count > 0 else { return drop(descriptor) }
    clients[descriptor]?.request += chunk[..<count]
    guard let request = clients[descriptor]?.request,
      let answer = HTTPAnswer(to: request, limit: Self.longestRequest)
    else { return }
    let bytes = Array(answer.text(metrics).utf8)
    unsafe _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    drop(descriptor)
  }

  /// Turns away who has not said anything sensible in time.
  func expire(_ now: ContinuousClock.Instant) {
    for (descriptor, client) in clients where client.until <= now { drop(descriptor) }
    if let pause, pause <= now { self.pause = nil }
  }

  private func accept(_ metrics: () -> String) {
    let client = accept4(listener, nil, nil, Self.flags)
    if client >= 0 {
      if clients.count == Self.room,
        let oldest = clients.min(by: { $0.value.until < $1.value.until })
      {
        drop(oldest.key)
      }
      clients[client] = Client()
      // Who has asked by now is answered, whoever else wants to be let in.
      take(client, metrics)
    } else if errno != EAGAIN, errno != EINTR, errno != ECONNABORTED {
      // Without descriptors, for example, the socket would wake the daemon again and again.
      pause = .now + .seconds(1)
    }
  }

  private func drop(_ client: Int32) {
    clients[client] = nil
    close(client)
  }

  private static func listen(at path: String) throws(SystemError) -> Int32 {
    if isAbandoned(path) { try Directory.remove(path) }
    let listener = try open(path)
    do throws(SystemError) {
      guard unsafe withAddress(path, { unsafe Glibc.bind(listener, $0, $1) }) == 0,
        Glibc.listen(listener, 16) == 0
      else { throw SystemError(operation: "listen at", path: path, code: errno) }
      try Directory.setPermissions(0o666, of: path)
      return listener
    } catch {
      close(listener)
      throw error
    }
  }

  private static func open(_ path: String) throws(SystemError) -> Int32 {
    let kind = Int32(SOCK_STREAM.rawValue) | flags
    let descriptor = socket(AF_UNIX, kind, 0)
    guard descriptor >= 0 else {
      throw SystemError(operation: "make the socket", path: path, code: errno)
    }
    return descriptor
  }

  /// Whether a socket is there that nobody listens at.
  private static func isAbandoned(_ path: String) -> Bool {
    guard let kind = try? FileStatus(ofLink: path).kind, kind == .socket,
      let probe = try? open(path)
    else { return false }
    defer { close(probe) }
    return unsafe withAddress(path) { unsafe connect(probe, $0, $1) } != 0 && errno == ECONNREFUSED
  }

  /// - path: at most 107 bytes, as the configuration has it.
  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { name in
      precondition(path.utf8.count < name.count, "the kernel knows no longer names of sockets")
      unsafe name.copyBytes(from: path.utf8)
    }
    return unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
