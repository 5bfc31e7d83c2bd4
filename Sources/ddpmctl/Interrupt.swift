import Glibc

/// Ctrl-C while waiting: it ends the wait, not the program.
///
/// SIGINT is blocked from `init` on and noticed by `pause`, so there is no handler and no race.
struct Interrupt {
  private var signals = sigset_t()

  init() {
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGINT)
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  /// Waits, by default for as long as what is followed for long is left alone between two looks;
  /// false after Ctrl-C.
  func pause(milliseconds: Int = 250) -> Bool {
    var signals = signals
    var time = timespec(tv_sec: 0, tv_nsec: milliseconds * 1_000_000)
    return unsafe sigtimedwait(&signals, nil, &time) != SIGINT
  }
}
