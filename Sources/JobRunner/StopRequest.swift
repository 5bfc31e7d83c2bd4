import CLinux
import Glibc
import Synchronization

/// The wish, from outside, that the worker stop at its next step boundary.
///
/// SIGTERM and SIGINT express it, and so does the death of the parent (PR_SET_PDEATHSIG). The
/// handler sets a flag and does nothing else.
public enum StopRequest {
  private static let flag = Atomic<Bool>(false)

  /// Whether one of the signals has come.
  public static var isMade: Bool { flag.load(ordering: .relaxed) }

  /// Makes the signals requests, and a broken pipe an error instead of a signal.
  public static func listen() {
    // The flag exists before a handler can touch it.
    flag.store(false, ordering: .relaxed)
    for number in [SIGTERM, SIGINT] {
      signal(number) { _ in StopRequest.flag.store(true, ordering: .relaxed) }
    }
    signal(SIGPIPE, SIG_IGN)
    signal_on_parent_death(SIGTERM)
  }
}
