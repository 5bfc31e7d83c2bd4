// The supervisor's dealings with what lands in `drop/`, and with what is to be removed.

import DurableIO
import Jobs
import Logging
import Spool

/// Files taken from drop/ in one go: well within a second, even on a slow disk.
private let scanLimit = 256
/// Jobs removed in one go, with all their files.
private let purgeLimit = 32

extension Supervisor {
  func scanDrop() -> [Event] {
    var events: [Event] = []
    var retryAfter: Duration?
    var problem: String?
    var stillBlocked: Set<String> = []
    for outcome in admission.scan(atMost: scanLimit) {
      log(outcome)
      switch outcome {
      case .admitted(let envelope, let entry, in: let state):
        guard let standing = Standing(entry, in: state) else { continue }
        events.append(.appeared(summary(entry, envelope), standing))
      case .commanded(.job(let id, let command), by: _): events += event(command, id)
      case .commanded(.queue(let command), by: _): events.append(.paused(command == .pause))
      case .revived(let entry, let envelope, let command, by: _):
        append(command == .retry ? .retried : .extended, to: entry.id, attempt: entry.attempt)
        events.append(.revived(summary(entry, envelope)))
      case .repeated, .rejected: break
      case .waiting(_, _, let time): retryAfter = min(time, retryAfter ?? time)
      case .blocked(let name, let reason):
        problem = printable(reason)
        stillBlocked.insert(name ?? "jobs")
      }
    }
    blocked = stillBlocked
    // What else has happened has its turn before the rest of a flood.
    if admission.isBehind { retryAfter = .zero }
    return events + [.scanned(retryAfter: retryAfter, problem: problem)]
  }

  private func event(_ command: JobCommand, _ id: Int) -> [Event] {
    switch command {
    case .cancel: return [.cancelRequested(id)]
    case .hold: return [.holdRequested(id)]
    case .prioritize(let priority): return [.prioritized(id, priority)]
    case .release:
      append(.released, to: id, attempt: (try? queue.find(id))?.entry.attempt ?? 0)
      return [.released(id)]
    case .remove:
      do {
        try JobRemoval(setup.layout).finish(id)
      } catch {
        setup.log.error("job \(id) is removed, and its files when the daemon starts anew: \(error)")
      }
      return []
    case .extend:
      append(.extended, to: id, attempt: (try? queue.find(id))?.entry.attempt ?? 0)
      return []
    case .retry: preconditionFailure("admission reports it as a job revived")
    }
  }

  /// Removes ended jobs that the configuration does not keep.
  func purge(sparing needed: Set<Int>, names: Set<String>) -> [Event] {
    do {
      let removed = try JobRemoval(setup.layout).purge(
        setup.configuration.retention, sparing: needed, names: names, atMost: purgeLimit,
        now: .now())
      for id in removed { setup.log.info("job \(id) is removed: purge_age or purge_count") }
      troubled.remove("purge")
      return [.purged(isComplete: removed.count < purgeLimit)]
    } catch {
      logOnce("cannot remove ended jobs: \(error)", about: "purge")
      return [.purged(isComplete: true)]
    }
  }

  func log(_ outcome: Admission.Outcome) {
    switch outcome {
    case .admitted(let envelope, let entry, in: _):
      setup.log.info(
        "\(summary(entry, envelope).title) admitted from user \(envelope.submitter)")
    case .commanded(.job(let id, let command), let user):
      setup.log.info("job \(id): \(command) by user \(user)")
    case .commanded(.queue(let command), let user):
      setup.log.notice("\(command) of the queue by user \(user)")
    case .repeated(let name, let job):
      setup.log.info("\(printable(name)) is job \(job), by its idempotency key")
    case .revived(let entry, _, let command, let user):
      setup.log.info("job \(entry.id): \(command) by user \(user)")
    case .rejected(let name, let reason):
      setup.log.warning("rejected \(printable(name)): \(printable(reason))")
    case .waiting(let name, let reason, _):
      setup.log.debug("\(printable(name)) may be unfinished: \(reason)")
    case .blocked(let name, let reason):
      guard blocked.insert(name ?? "jobs").inserted else { return }
      setup.log.error(
        "cannot admit \(printable(name ?? "jobs")): \(printable(reason)); trying again")
    }
  }
}
