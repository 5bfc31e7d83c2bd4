// Tells the service manager how the daemon is, by sd_notify(3). Without NOTIFY_SOCKET in the
// environment nothing is said. A message that cannot be delivered is lost: the manager draws its
// own conclusions from a watchdog that falls silent.

import CSystemd
import Glibc

/// The daemon's line to systemd.
public struct ServiceNotifier: Sendable {
  private let send: @Sendable (String) -> Void

  /// Hands each message, in the form of sd_notify(3), to `send`.
  package init(send: @escaping @Sendable (String) -> Void) { self.send = send }

  /// Speaks to the manager that NOTIFY_SOCKET names, if it names one.
  public static let systemd = ServiceNotifier { message in unsafe sd_notify(0, message) }

  /// Half of the time after which systemd would restart a silent daemon; nil if it never would.
  public static var watchdogInterval: Duration? {
    var microseconds: UInt64 = 0
    guard unsafe sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
    return .microseconds(microseconds) / 2
  }

  func notify(_ message: ServiceMessage) {
    switch message {
    case .ready: send("READY=1")
    case .stopping: send("STOPPING=1")
    case .reloading:
      // In one message, or systemd would see a reload that began at no known time.
      var now = timespec()
      unsafe clock_gettime(CLOCK_MONOTONIC, &now)
      send("RELOADING=1\nMONOTONIC_USEC=\(now.tv_sec * 1_000_000 + now.tv_nsec / 1000)")
    case .watchdog: send("WATCHDOG=1")
    case .extendTimeout(let time):
      send("EXTEND_TIMEOUT_USEC=\(Int(time / .microseconds(1)))")
    case .status(let text):
      // A newline would begin another assignment.
      send("STATUS=" + text.split(whereSeparator: \.isNewline).joined(separator: " "))
    }
  }
}
