public import DurableIO
public import Jobs

/// Removes what submitters have been told long ago: refused files with their reasons, and receipts.
///
/// Idempotency keys are no answers: they last as long as their jobs. Of a refused file the reason goes
/// last, so that wherever this is interrupted no file stays without one; what is left, or comes back in
/// a power cut, is found again. Only the daemon that holds the spool's lock may use this.
public struct AnswerRemoval: Sendable {
  /// Which answers are removed.
  public struct Retention: Equatable, Sendable {
    /// Files that were refused longer ago; nil keeps them.
    public var rejectedAge: Duration? = .seconds(30 * 86400)
    /// All refused files but so many, the oldest first; nil keeps them.
    public var rejectedCount: Int? = 10_000
    /// Receipts that were given longer ago; nil keeps them.
    public var receiptAge: Duration? = .seconds(7 * 86400)

    /// The defaults.
    public init() {}
  }

  private let layout: SpoolLayout

  /// Removes from a spool.
  public init(_ layout: SpoolLayout) { self.layout = layout }

  /// Removes refused files that `retention` does not keep, at most `limit` in one go.
  ///
  /// Returns: their names, of what was refused the longest ago first, as many as `limit` if there may
  /// be more; and what stays though it should not, such as a folder of somebody else's.
  public func removeRejected(
    _ retention: Retention, atMost limit: Int, now: Timestamp
  ) throws(SystemError) -> (removed: [String], troubles: [RemovalTrouble]) {
    if retention.rejectedAge == nil, retention.rejectedCount == nil { return ([], []) }
    let names = try Directory.names(in: layout.rejected)
    var refused: [(time: Int, name: String)] = []
    let suffix = SpoolLayout.reasonSuffix
    for name in Set(names.map { $0.hasSuffix(suffix) ? String($0.dropLast(suffix.count)) : $0 }) {
      refused.append((try timeOfRefusal(name), name))
    }
    refused.sort { $0 < $1 }
    let surplus = retention.rejectedCount.map { max(refused.count - $0, 0) } ?? 0
    let due = refused.enumerated().prefix { index, file in
      index < surplus || isOlder(file.time, retention.rejectedAge, now)
    }.map(\.element.name)
    var removed: [String] = []
    var troubles: [RemovalTrouble] = []
    for name in due where removed.count < limit {
      do {
        try Directory.removeTree(layout.rejected + "/" + name)
        try Directory.remove(layout.reason(ofRejected: name))
        removed.append(name)
      } catch {
        troubles.append(RemovalTrouble("the refused file \(name)", error))
      }
    }
    return (removed, troubles)
  }

  /// Removes receipts that `retention` does not keep, at most `limit` in one go.
  ///
  /// Returns: how many; as many as `limit` if there may be more.
  public func removeReceipts(
    _ retention: Retention, atMost limit: Int, now: Timestamp
  ) throws(SystemError) -> Int {
    guard retention.receiptAge != nil else { return 0 }
    var removed = 0
    for name in try Directory.names(in: layout.receipts) where removed < limit {
      let path = layout.receipts + "/" + name
      guard isOlder(try FileStatus(ofLink: path).modified.seconds, retention.receiptAge, now)
      else { continue }
      try Directory.remove(path)
      removed += 1
    }
    return removed
  }

  /// Seconds since 1970; the reason is the daemon's own file, whose time nobody else sets.
  private func timeOfRefusal(_ name: String) throws(SystemError) -> Int {
    do {
      return try FileStatus(ofLink: layout.reason(ofRejected: name)).modified.seconds
    } catch  where error.isNotFound {
      return try FileStatus(ofLink: layout.rejected + "/" + name).changed.seconds
    }
  }

  private func isOlder(_ time: Int, _ age: Duration?, _ now: Timestamp) -> Bool {
    age.map { now.milliseconds - Int64(time) * 1000 > $0.milliseconds } ?? false
  }
}
