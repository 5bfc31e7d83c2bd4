import Glibc

/// Sleeps until a descriptor can be read, or has come to its end, or `deadline` is there.
///
/// - deadline: nil sleeps as long as it takes.
/// Returns: for each descriptor, whether it is ready.
package func poll(_ descriptors: [Int32], until deadline: ContinuousClock.Instant?) -> [Bool] {
  var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
  let timeout = deadline.map { deadline in
    // Rounded up: waking too early would mean to sleep again for no time at all.
    let milliseconds = (deadline - .now) / Duration.milliseconds(1)
    return Int32(min(max(milliseconds.rounded(.up), 0), 86_400_000))
  }
  // An interrupted or failing call is a wakeup without a reason; the loop sleeps again.
  guard unsafe poll(&polled, nfds_t(polled.count), timeout ?? -1) > 0 else {
    return descriptors.map { _ in false }
  }
  return polled.map { $0.revents != 0 }
}
