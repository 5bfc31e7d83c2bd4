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
  if unsafe poll(&polled, nfds_t(polled.count), timeout ?? -1) < 0 && errno != EINTR {
    // More descriptors than the process may open by now, or no memory for so many.
    for index in polled.indices { unsafe _ = poll(&polled[index], 1, 0) }
    if polled.allSatisfy({ $0.revents == 0 }) { usleep(UInt32(min(timeout ?? 100, 100)) * 1000) }
  }
  // An interrupted call is a wakeup without a reason; the loop sleeps again.
  return polled.map { $0.revents != 0 }
}
