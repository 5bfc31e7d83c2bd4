// The supervisor's dealings with what is to be removed because it is old, or because there is much of
// it. All of it goes in turns with what else there is to do.

import DurableIO
import Jobs
import Logging
import Spool

/// Jobs removed in one go, with all their files.
private let jobLimit = 32
/// Refused files removed in one go.
private let rejectedLimit = 256
/// Receipts removed in one go.
private let receiptLimit = 8192

extension Supervisor {
  /// Removes ended jobs, refused files and receipts that the configuration does not keep.
  func purge(sparing needed: Set<Int>, names: Set<String>) -> [Event] {
    do {
      var isComplete = try purgeJobs(sparing: needed, names: names)
      isComplete = try purgeAnswers() && isComplete
      troubled.remove("purge")
      return [.purged(isComplete: isComplete)]
    } catch {
      logOnce("cannot remove what is old: \(error)", about: "purge")
      return [.purged(isComplete: true)]
    }
  }

  private func purgeJobs(
    sparing needed: Set<Int>, names: Set<String>
  ) throws(SystemError) -> Bool {
    let removed = try JobRemoval(setup.layout).purge(
      setup.configuration.retention, sparing: needed, names: names, atMost: jobLimit, now: .now())
    if !removed.isEmpty { export.endedJobs = nil }
    for id in removed {
      say(.info, "job \(id) is removed: purge_age or purge_count", .removed, job: id)
    }
    return removed.count < jobLimit
  }

  private func purgeAnswers() throws(SystemError) -> Bool {
    let (removal, retention) = (AnswerRemoval(setup.layout), setup.configuration.answers)
    let files = try removal.removeRejected(retention, atMost: rejectedLimit, now: .now())
    for name in files {
      say(
        .info, "the refused file \(name.printable) is removed: rejected_age or rejected_count")
    }
    let receipts = try removal.removeReceipts(retention, atMost: receiptLimit, now: .now())
    if receipts > 0 { say(.debug, "\(receipts) receipt(s) are removed: receipt_age") }
    return files.count < rejectedLimit && receipts < receiptLimit
  }
}
