import DurableIO
import Jobs
import StrictJSON

// What a command does on disk. It is noted in the queue entry of its job, or moves the entry by
// one rename, and can be repeated after a crash in its middle; only then does the daemon hear of
// it. So it is not lost, and what is repeated is no more than what was asked for.

extension Admission {
  /// Notes a command in the queue entry of its job, if its giver may command it.
  func apply(
    _ command: Command, _ file: SubmittedFile, _ claim: ClaimName
  ) throws(SystemError) -> Outcome? {
    switch command {
    case .job(let id, let command): try apply(command, to: id, file, claim)
    case .queue(let command): try apply(command, file, claim)
    }
  }

  private func apply(
    _ command: QueueCommand, _ file: SubmittedFile, _ claim: ClaimName
  ) throws(SystemError) -> Outcome? {
    guard policy.authority.allows(file.owner, toCommandJobOf: nil) else {
      return try reject(claim, "only an administrator may \(command) the queue")
    }
    switch command {
    case .pause:
      if try !Directory.exists(layout.paused) {
        let pause = Pause(user: file.owner, since: now)
        try AtomicFile.write(pause.json.serialized() + "\n", to: layout.paused)
      }
    case .resume:
      try Directory.remove(layout.paused)
      try Directory.sync(layout.state)
    }
    try finish(claim, job: 0)
    return .commanded(.queue(command), by: file.owner)
  }

  private func apply(
    _ command: JobCommand, to id: Int, _ file: SubmittedFile, _ claim: ClaimName
  ) throws(SystemError) -> Outcome? {
    let found = try queue.find(id)
    let removal = JobRemoval(layout)
    if found == nil {
      let isRemoved = try removal.isUnderWay(id)
      if command != .remove || !isRemoved { return try reject(claim, "there is no job \(id)") }
      if try !Directory.exists(layout.jobDirectory(id).job) {
        return try reject(
          claim, "job \(id) is removed already, but for some of its files, which cannot be")
      }
    }
    // Of a job whose folder somebody has removed there is only its entry.
    let envelope = try readFileIfPresent(layout.jobDirectory(id).job) ?? []
    // Reads no more than that, so that a job of another version can still be commanded.
    let submitter = (try? JSONValue(parsing: envelope))?["submitter"]?.int
      .flatMap { UInt32(exactly: $0) }
    guard policy.authority.allows(file.owner, toCommandJobOf: submitter) else {
      return try reject(
        claim, "job \(id) belongs to another user; ask them or an administrator")
    }
    let outcome = Outcome.commanded(.job(id, command), by: file.owner)
    guard let (state, entry) = found else {
      // This very command has taken it out of the queue.
      try finish(claim, job: id)
      return outcome
    }
    if let refusal = Self.refusal(of: command, state, entry) {
      return try reject(claim, "job \(id) \(refusal)")
    }
    if case .prioritize(let priority) = command,
      let reason = refusal(ofPriority: priority, for: file.owner, current: entry.priority)
    {
      return try reject(claim, "job \(id): \(reason)")
    }
    switch command {
    case .extend(let steps):
      return try extend(id, to: steps, state, entry, try? Envelope.parse(envelope), file, claim)
    case .edit(let new):
      return try edit(id, to: new, state, entry, try? Envelope.parse(envelope), file, claim)
    case .remove:
      try removal.begin(id, in: state)
      try finish(claim, job: id)
      return outcome
    case .retry:
      let new = try carryOut(command, state, entry)
      try finish(claim, job: id)
      return .revived(new, try? Envelope.parse(envelope), command, by: file.owner)
    case .cancel, .hold, .release, .prioritize:
      _ = try carryOut(command, state, entry)
      try finish(claim, job: id)
      return outcome
    }
  }

  /// Why a job cannot be commanded so, in words that follow "job 3"; nil if it can.
  ///
  /// What the command itself leaves behind is never refused: it may be settled again.
  private static func refusal(
    of command: JobCommand, _ state: JobState, _ entry: QueueEntry
  ) -> String? {
    let isOver = "is over already: \(state)"
    switch command {
    case .cancel: return state.isFinal && state != .cancelled ? isOver : nil
    case .remove: return state.isFinal ? nil : "is not over; cancel it first"
    case .extend, .edit: return nil
    case .release, .prioritize: return state.isFinal ? isOver : nil
    case .hold:
      if state.isFinal { return isOver }
      return entry.cancelRequested ? "is being cancelled" : nil
    case .retry:
      switch state {
      case .done: return isOver
      case .running: return "is running"
      case .held: return "is held; release it"
      case .queued, .deferred:
        if entry.cancelRequested { return "is being cancelled" }
        return entry.holdRequested ? "is being held; release it" : nil
      case .failed, .cancelled: return nil
      }
    }
  }

  /// Writes the command into the entry of a job, and returns that; what else there is to do is the
  /// daemon's choice.
  private func carryOut(
    _ command: JobCommand, _ state: JobState, _ entry: QueueEntry
  ) throws(SystemError) -> QueueEntry {
    var new = entry
    var target = state
    switch command {
    case .cancel: if !state.isFinal { new.cancelRequested = true }
    case .hold: new.holdRequested = true
    case .release:
      new.holdRequested = false
      if state == .held { target = .queued }
    case .retry:
      if state != .queued { new.makeReady(isAnew: state.isFinal) }
      target = .queued
    case .prioritize(let priority): new.priority = priority
    case .remove, .extend, .edit: preconditionFailure("settled by itself")
    }
    if target != state {
      try queue.move(new, from: state, to: target)
    } else if new != entry {
      try queue.update(new, in: state)
    }
    return new
  }
}

extension QueueEntry {
  /// Forgets what has kept the job from running.
  ///
  /// - isAnew: Whether the job had ended, and its time limit begins anew.
  mutating func makeReady(isAnew: Bool) {
    if isAnew {
      renewTimeLimit()
      ended = nil
      timedOut = false
    }
    crashes = 0
    resumedAt = nil
    notBefore = nil
    reason = nil
    cancelRequested = false
    holdRequested = false
  }
}
