// The supervisor's dealings with what lands in `drop/`.

import DurableIO
import Jobs
import Logging
import Spool

/// Files taken from drop/ in one go: well within a second, even on a slow disk.
private let scanLimit = 256

extension Supervisor {
  func scanDrop() -> [Event] {
    var events: [Event] = []
    var retryAfter: Duration?
    var problem: String?
    var stillBlocked: Set<String> = []
    admission.activeJobs = scheduler.jobs.countsByUser
    for outcome in admission.scan(atMost: scanLimit) {
      if case .blocked(name: nil, _) = outcome, remakeDrop() {
        retryAfter = .zero
        continue
      }
      log(outcome)
      switch outcome {
      case .admitted(let envelope, let entry, in: let state):
        guard let standing = Standing(entry, in: state) else { continue }
        events.append(.appeared(summary(entry, envelope), standing))
      case .commanded(.job(let id, let command), by: _): events += event(command, id)
      case .commanded(.queue(let command), by: _): events.append(.paused(command == .pause))
      case .revived(let entry, let envelope, let command, by: _):
        append(command == .retry ? .retried : .extended, to: entry.id, attempt: entry.attempts)
        events.append(.revived(summary(entry, envelope)))
      case .edited(let envelope, let entry, in: let state, by: _):
        append(.edited, to: entry.id, attempt: entry.attempts)
        // Of one that is over the scheduler hears when it is retried.
        if !state.isFinal {
          events.append(.edited(summary(entry, envelope), isHeld: state == .held))
        }
      case .repeated, .rejected: break
      case .waiting(_, _, let time): retryAfter = min(time, retryAfter ?? time)
      case .blocked(let name, let reason):
        problem = reason.printable
        stillBlocked.insert(name ?? "jobs")
      }
    }
    blocked = stillBlocked
    problem = problem ?? readOnlySpool()
    // What else has happened has its turn before the rest of a flood.
    if admission.isBehind { retryAfter = .zero }
    return events + [.scanned(retryAfter: retryAfter, problem: problem)]
  }

  /// Makes `drop/` anew where it has been removed, and watches that one; false if it was not so, or
  /// cannot be done.
  private func remakeDrop() -> Bool {
    let drop = setup.layout.drop
    do {
      guard try setup.layout.remakeDrop() else { return false }
    } catch {
      logOnce("\(drop) was removed, and is not made anew: \(error)", about: "drop")
      return false
    }
    troubled.remove("drop")
    say(.warning, "\(drop) was removed, and is made anew without the files that were in it")
    watchDrop()
    return true
  }

  /// That nothing could be taken from a spool on a read-only disk, which shows only when something comes.
  private func readOnlySpool() -> String? {
    let spool = setup.layout.spool
    guard (try? Directory.isReadOnly(at: spool)) == true else {
      troubled.remove("spool")
      return nil
    }
    let problem = "the file system of \(spool) is read-only"
    logOnce(problem, about: "spool")
    return problem
  }

  private func event(_ command: JobCommand, _ id: Int) -> [Event] {
    switch command {
    case .cancel: return [.cancelRequested(id)]
    case .hold: return [.holdRequested(id)]
    case .prioritize(let priority): return [.prioritized(id, priority)]
    case .release:
      append(.released, to: id, attempt: (try? queue.find(id))?.entry.attempts ?? 0)
      return [.released(id)]
    case .remove:
      do {
        export.endedJobs = nil
        try JobRemoval(setup.layout).finish(id)
      } catch {
        note(remains.filter { $0.job != id } + [RemovalTrouble(job: id, error)])
      }
      return []
    case .extend:
      append(.extended, to: id, attempt: (try? queue.find(id))?.entry.attempts ?? 0)
      return []
    case .retry, .edit: preconditionFailure("admission reports it as a job revived")
    }
  }
}
