import Glibc
import Jobs

/// The worker's end of the pipe to its daemon: one `WorkerMessage` a line.
///
/// Progress is sent at most once a second, but for that before a long pause, and held back while the
/// pipe is full: a slow reader never slows the job. Before a message that matters comes what was held back, so that what is last known
/// of a job is where it ended. That nobody reads any more is noticed (`isBroken`): the daemon has died, and the
/// job should stop rather than run unwatched. A file or a terminal never counts as broken.
/// SIGPIPE must be ignored.
public final class ProgressPipe {
  private let descriptor: Int32
  private var lastSent: ContinuousClock.Instant?
  private var heldBack: Progress?
  private var lastLooked: ContinuousClock.Instant?
  private var broken = false

  /// Writes to `descriptor`, which stays the caller's.
  public init(descriptor: Int32) { self.descriptor = descriptor }

  /// Sends progress, or holds it back if some was sent within the last second.
  func report(_ progress: Progress) {
    heldBack = progress
    let now = ContinuousClock.now
    if let lastSent, now - lastSent < .seconds(1) { return }
    lastSent = now
    if isReady(POLLOUT, milliseconds: 0) { sendHeldBack() }
  }

  /// Sends what was held back: the next progress is long in coming.
  func flush() {
    if isReady(POLLOUT, milliseconds: 0) { sendHeldBack() }
  }

  /// Sends a message that matters; waits up to five seconds for room.
  func send(_ message: WorkerMessage) {
    if isReady(POLLOUT, milliseconds: 5000) { sendHeldBack() }
    if isReady(POLLOUT, milliseconds: 5000) { write(message) }
  }

  private func sendHeldBack() {
    if let progress = heldBack { write(.progress(progress)) }
    heldBack = nil
  }

  /// Whether the reader has gone; looks at most ten times a second.
  var isBroken: Bool {
    let now = ContinuousClock.now
    if let lastLooked, now - lastLooked < .milliseconds(100) { return broken }
    lastLooked = now
    broken = broken || isReady(POLLERR, milliseconds: 0)
    return broken
  }

  private func isReady(_ event: Int32, milliseconds: Int32) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(event), revents: 0)
    return unsafe poll(&request, 1, milliseconds) == 1 && request.revents & Int16(event) != 0
  }

  /// A line is shorter than PIPE_BUF, so it goes out whole or, to a broken pipe, not at all.
  private func write(_ message: WorkerMessage) {
    var line = Array((message.line + "\n").utf8)
    while !line.isEmpty {
      let written = unsafe Glibc.write(descriptor, line, line.count)
      if written > 0 {
        line.removeFirst(written)
      } else if errno != EINTR {
        broken = errno == EPIPE
        return
      }
    }
  }
}
