// The supervisor's dealings with what is to be removed because it is old, or because there is much of
// it. All of it goes in turns with what else there is to do.

import DurableIO
import Jobs
import Logging
import Spool

/// Jobs removed in one go, with all their files.
private let jobLimit = 32
/// Refused files removed in one go, and unfinished ones.
private let rejectedLimit = 256
/// Receipts removed in one go.
private let receiptLimit = 8192

extension Supervisor {
  /// Removes ended jobs, refused files and receipts that the configuration does not keep, and what was
  /// left unfinished in `drop/`, each whatever stands in the way of the others.
  func purge(sparing needed: Set<Int>, names: Set<String>) -> [Event] {
    var isComplete = true
    var troubles: [RemovalTrouble] = []
    func attempt(_ what: String, _ part: () throws(SystemError) -> Bool) {
      do {
        isComplete = try part() && isComplete
      } catch {
        troubles.append(RemovalTrouble(what, error))
      }
    }
    attempt("what is left of removed jobs") { () throws(SystemError) in
      troubles += try JobRemoval(setup.layout).finishAll()
      return true
    }
    attempt("jobs that have ended") { () throws(SystemError) in
      try purgeJobs(sparing: needed, names: names, &troubles)
    }
    attempt("refused files") { () throws(SystemError) in try purgeRejected(&troubles) }
    attempt("unfinished files in drop/") { () throws(SystemError) in
      try removeLeftovers(&troubles)
    }
    attempt("receipts") { () throws(SystemError) in
      let removed = try AnswerRemoval(setup.layout).removeReceipts(
        setup.configuration.answers, atMost: receiptLimit, now: .now())
      if removed > 0 { say(.debug, "\(removed) receipt(s) are removed: receipt_age") }
      return removed < receiptLimit
    }
    note(troubles)
    return [.purged(isComplete: isComplete)]
  }

  /// Says what cannot be cleared away, of each thing once, and shows it as long as it is so.
  func note(_ troubles: [RemovalTrouble]) {
    let known = Set(remains.map(\.subject))
    for trouble in troubles where !known.contains(trouble.subject) {
      say(
        .error, "\(trouble.description.printable); trying again later", .trouble, job: trouble.job)
    }
    remains = troubles
    showProblem()
  }

  private func purgeJobs(
    sparing needed: Set<Int>, names: Set<String>, _ troubles: inout [RemovalTrouble]
  ) throws(SystemError) -> Bool {
    let purge = try JobRemoval(setup.layout).purge(
      setup.configuration.retention, sparing: needed, names: names, atMost: jobLimit, now: .now())
    troubles += purge.troubles
    if !purge.removed.isEmpty { export.endedJobs = nil }
    for id in purge.removed {
      say(.info, "job \(id) is removed: purge_age or purge_count", .removed, job: id)
    }
    return purge.removed.count < jobLimit
  }

  private func purgeRejected(_ troubles: inout [RemovalTrouble]) throws(SystemError) -> Bool {
    let purge = try AnswerRemoval(setup.layout).removeRejected(
      setup.configuration.answers, atMost: rejectedLimit, now: .now())
    troubles += purge.troubles
    for name in purge.removed {
      say(
        .info, "the refused file \(name.printable) is removed: rejected_age or rejected_count")
    }
    return purge.removed.count < rejectedLimit
  }

  private func removeLeftovers(_ troubles: inout [RemovalTrouble]) throws(SystemError) -> Bool {
    let purge = try admission.removeLeftovers(atMost: rejectedLimit)
    troubles += purge.troubles
    for name in purge.removed {
      say(
        .info,
        "the unfinished file \(name.printable) in drop/ is removed: nobody has touched it "
          + "for a day")
    }
    return purge.removed.count < rejectedLimit
  }
}
