import DurableIO
import Jobs
import StrictJSON

// Exchanging the file of a job for another one. Its number, its submitter and its place among the
// jobs of that priority stay; of a job that has run, so does all that its results depend on.
//
// What the new file says of the queue goes into the job's entry first, then the envelope is
// replaced, which is the moment from which the job is another one. Both say only what the new file
// says, so they can be repeated after a crash between them. An edit never releases a job, and never
// runs one that has failed or was cancelled: that is for `retry`.

extension Admission {
  func edit(
    _ id: Int, to new: ReplacementJob, _ state: JobState, _ entry: QueueEntry,
    _ envelope: Envelope?, _ file: SubmittedFile, _ claim: ClaimName
  ) throws(SystemError) -> Outcome? {
    guard let envelope else {
      return try reject(claim, "job \(id) is damaged; cancel it and submit a new one")
    }
    if let refusal = try refusal(ofEditing: id, from: envelope.spec, to: new.spec, state, entry) {
      return try reject(claim, "job \(id) \(refusal)")
    }
    let spec = new.spec.queue
    guard spec.idempotencyKey == envelope.spec.queue.idempotencyKey else {
      let key = envelope.spec.queue.idempotencyKey.map { "\"\($0)\"" } ?? "none"
      return try reject(
        claim, "$.file.queue.idempotency_key: the key of job \(id) stays what it is: \(key)")
    }
    if let reason = refusal(
      ofPriority: spec.priority, for: file.owner, current: entry.priority)
    {
      return try reject(claim, "$.file.queue.priority: \(reason)")
    }
    var next = entry
    next.priority = spec.priority
    if !state.isFinal {
      next.holdRequested = entry.holdRequested || spec.hold
      next.reason = nil
      next.notBefore = nil
    }
    // What has been waited for already is not waited for again.
    let isWaitingForOthers = spec.after != envelope.spec.queue.after
    if isWaitingForOthers { next.after = [] }
    for (index, dependency) in spec.after.enumerated() where isWaitingForOthers {
      guard let job = try number(of: dependency.job, before: id) else {
        return try reject(
          claim,
          "$.file.queue.after[\(index)].job: there is no job \(dependency.job) before job \(id)")
      }
      next.after.append(QueueEntry.Dependency(job: job, when: dependency.when))
    }
    let target: JobState = state.isFinal ? state : next.holdRequested ? .held : .queued
    if target != state {
      try queue.move(next, from: state, to: target)
    } else if next != entry {
      try queue.update(next, in: state)
    }
    var edited = Envelope(
      id: id, submitter: envelope.submitter, submitted: envelope.submitted,
      sha256: SHA256.of(file.bytes).hex, fileName: envelope.fileName, spec: new.spec,
      original: new.json)
    edited.array = envelope.array
    edited.edited = now
    edited.editor = file.owner == envelope.submitter ? nil : file.owner
    let directory = layout.jobDirectory(id)
    try Directory.removeTemporaries(in: directory.path)
    try AtomicFile.write(edited.json.serialized(pretty: true) + "\n", to: directory.job)
    names.note(id, new.spec.name)
    try finish(claim, job: id)
    return .edited(edited, next, in: target, by: file.owner)
  }

  /// Why a job cannot be edited, in words that follow "job 3"; nil if it can.
  private func refusal(
    ofEditing id: Int, from old: JobSpec, to new: JobSpec, _ state: JobState, _ entry: QueueEntry
  ) throws(SystemError) -> String? {
    switch state {
    case .running: return "is running; edit it when it is over, or hold it first"
    case .done: return "is over already: \(state); submit a new one"
    case .queued, .held, .deferred, .failed, .cancelled: break
    }
    if entry.cancelRequested && !state.isFinal { return "is being cancelled" }
    if old.decidingResults == new.decidingResults { return nil }
    // Every worker's first act is to open it.
    guard try Directory.exists(layout.jobDirectory(id).log) else { return nil }
    return "has run already, and its results must not be those of two jobs: $.queue, threads and "
      + "activation_checkpointing may still change; for anything else submit a new one"
  }
}

extension JobSpec {
  /// The job without what does not change its results.
  fileprivate var decidingResults: JobSpec {
    var job = self
    job.queue = QueueSpec()
    switch job.work {
    case .train(var spec):
      (spec.training.threads, spec.training.activationCheckpointing) = (nil, false)
      job.work = .train(spec)
    case .sample(var spec):
      spec.threads = nil
      job.work = .sample(spec)
    case .evaluate(var spec):
      spec.threads = nil
      job.work = .evaluate(spec)
    }
    return job
  }
}
