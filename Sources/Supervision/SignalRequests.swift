// The requests that reach the daemon as signals: SIGTERM and SIGINT to stop, SIGHUP to read the
// configuration anew, or where there is none to be read to stop as well: it is the terminal's end.

import CLinux
public import DurableIO
import Glibc

/// The signals that the daemon takes as requests.
let requestSignals = [SIGTERM, SIGINT, SIGHUP]

/// What a signal asks for.
package enum SignalRequest: Equatable {
  case stop
  case reload
}

/// A descriptor that becomes readable with every request.
public final class SignalRequests: Sendable {
  let descriptor: Int32
  private let hangupReloads: Bool

  /// Takes the signals out of the kernel's hands, by signalfd(2), and makes broken pipes errors of
  /// the calls that meet them.
  ///
  /// - hangupReloads: whether SIGHUP asks for a reload, and not for a stop.
  public init(hangupReloads: Bool) throws(SystemError) {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for signal in requestSignals { unsafe sigaddset(&signals, signal) }
    unsafe sigprocmask(SIG_BLOCK, &signals, nil)
    signal(SIGPIPE, SIG_IGN)
    descriptor = unsafe signalfd(-1, &signals, O_CLOEXEC | O_NONBLOCK)
    self.hangupReloads = hangupReloads
    guard descriptor >= 0 else {
      throw SystemError(operation: "listen to", path: "signals", code: errno)
    }
  }

  /// Takes requests from a descriptor of which each read(2) takes one, a signal's number as a
  /// `UInt32`; it is closed in the end.
  package init(descriptor: Int32) {
    self.descriptor = descriptor
    hangupReloads = true
  }

  deinit { close(descriptor) }

  /// Takes one request; nil if there is none.
  package func take() -> SignalRequest? {
    // As large as a signalfd_siginfo, of which there is one a signal, and which begins with its
    // number.
    var request = [UInt8](repeating: 0, count: 128)
    guard unsafe read(descriptor, &request, request.count) > 0 else { return nil }
    let number = unsafe request.withUnsafeBytes { unsafe $0.load(as: Int32.self) }
    return number == SIGHUP && hangupReloads ? .reload : .stop
  }
}
