// The requests to stop that reach the daemon: SIGTERM, SIGINT, and SIGHUP, the terminal's end.

import CLinux
public import DurableIO
import Glibc

/// The signals that ask the daemon to stop.
let stopSignals = [SIGTERM, SIGINT, SIGHUP]

/// A descriptor that becomes readable with every request.
public final class StopRequests: Sendable {
  let descriptor: Int32

  /// Takes the stop signals out of the kernel's hands, by signalfd(2), and makes broken pipes
  /// errors of the calls that meet them.
  public init() throws(SystemError) {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for signal in stopSignals { unsafe sigaddset(&signals, signal) }
    unsafe sigprocmask(SIG_BLOCK, &signals, nil)
    signal(SIGPIPE, SIG_IGN)
    descriptor = unsafe signalfd(-1, &signals, O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw SystemError(operation: "listen to", path: "signals", code: errno)
    }
  }

  /// Takes requests from a descriptor of which each read(2) takes one; it is closed in the end.
  package init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Takes one request; false if there is none.
  func take() -> Bool {
    // As large as a signalfd_siginfo, of which there is one a signal.
    var request = [UInt8](repeating: 0, count: 128)
    return unsafe read(descriptor, &request, request.count) > 0
  }
}
