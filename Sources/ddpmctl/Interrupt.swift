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

  /// Waits for a quarter of a second, the fastest that anything is followed; false after Ctrl-C.
  func pause() -> Bool {
    var signals = signals
    var time = timespec(tv_sec: 0, tv_nsec: 250_000_000)
    return unsafe sigtimedwait(&signals, nil, &time) != SIGINT
  }
}
