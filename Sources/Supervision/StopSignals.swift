import Glibc

/// The signals that ask the daemon to stop; the terminal's end is one of them.
package let stopSignals = [SIGTERM, SIGINT, SIGHUP]

/// Takes the stop signals out of the kernel's hands, one at a time.
///
/// To be made on the main thread before there is another: threads inherit the mask.
public struct StopSignals: ~Copyable {
  private var signals = sigset_t()

  /// Blocks the signals from now on. Broken pipes become errors of the calls that meet them.
  public init() {
    unsafe sigemptyset(&signals)
    for signal in stopSignals { unsafe sigaddset(&signals, signal) }
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    _ = signal(SIGPIPE, SIG_IGN)
  }

  /// Sleeps until one comes.
  public mutating func wait() {
    var received: Int32 = 0
    while unsafe sigwait(&signals, &received) != 0 {}
  }
}
