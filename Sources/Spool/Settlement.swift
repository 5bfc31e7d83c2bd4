import DurableIO
import Jobs
import StrictJSON

/// The ends that a claimed file can come to. Each can be repeated after a crash in its middle.
extension Admission {
  /// Writes down all that makes a claimed file a job, for `NewJobs` to enter it; or the file's
  /// other end: it came before, or may not be.
  ///
  /// - synced: see `write`.
  func prepare(
    _ job: SubmittedJob, _ file: SubmittedFile, _ claim: ClaimName, synced: Bool
  ) throws(SystemError) -> Preparation {
    guard let id = claim.id else { preconditionFailure("a job is committed under its number") }
    let envelope = Envelope(
      id: id, submitter: file.owner, submitted: now, sha256: SHA256.of(file.bytes).hex,
      fileName: claim.name, spec: job.spec, original: job.original)
    if try Directory.exists(layout.jobDirectory(id).path), let (state, entry) = try queue.find(id) {
      // All this has happened before, and the job may have run.
      try finish(claim, job: id)
      return .settled(.admitted(envelope, entry, in: state))
    }
    let spec = job.spec.queue
    if let reason = refusal(ofPriority: spec.priority, for: file.owner) {
      return .refused("$.queue.priority: \(reason)")
    }
    var entry = QueueEntry(id: id, spec)
    for (index, dependency) in spec.after.enumerated() {
      guard let job = try number(of: dependency.job, before: id) else {
        return .refused("$.queue.after[\(index)].job: there is no job \(dependency.job) so far")
      }
      entry.after.append(QueueEntry.Dependency(job: job, when: dependency.when))
    }
    let state: JobState = spec.hold ? .held : .queued
    try write(envelope, entry, synced: synced)
    return .prepared(NewJob(claim: claim, envelope: envelope, entry: entry, state: state))
  }

  /// Writes a job's files, its key, which an array has once for all its jobs, and its queue entry
  /// where it does not count yet.
  ///
  /// - synced: false leaves it to a `FileSystemSync` to make all that durable.
  func write(_ envelope: Envelope, _ entry: QueueEntry, synced: Bool) throws(SystemError) {
    let directory = layout.jobDirectory(envelope.id)
    let event = JobEvent(time: envelope.submitted, kind: .admitted, attempt: 0)
    try Directory.create(directory.path, synced: false)
    // The directory may be there, unsynced, from before a crash.
    if synced { try Directory.sync(layout.jobs) }
    try Directory.removeTemporaries(in: directory.path)
    try AtomicFile.write(
      envelope.json.serialized(pretty: true) + "\n", to: directory.job, synced: synced)
    try AtomicFile.write(event.line + "\n", to: directory.events, synced: synced)
    if envelope.array == nil, let key = envelope.spec.queue.idempotencyKey {
      try keys.take(key, envelope.submitter, for: envelope.id, synced: synced)
    }
    try queue.stage(entry, synced: synced)
    names.note(envelope.id, envelope.spec.name)
  }

  /// What becomes of a claimed job because of its idempotency key; nil leaves it to be committed.
  ///
  /// - spec: The job, the first one of `array` if it is one.
  func settleByKey(
    _ spec: JobSpec, _ array: JobArray?, _ file: SubmittedFile, _ claim: ClaimName
  ) throws(SystemError) -> Outcome? {
    guard let key = spec.queue.idempotencyKey else { return nil }
    switch try keys.standing(of: key, file.owner, claim: claim.id) {
    case .free: return nil
    case .claimed(let first):
      return .waiting(
        name: claim.name, reason: "job \(first), which has the same key, comes first",
        retryAfter: .seconds(1))
    case .taken(let first):
      // A job of another version cannot be compared, and counts as the same; one that was edited
      // is still what its submitter means.
      let bytes = try readFileIfPresent(layout.jobDirectory(first).job)
      if let envelope = bytes.flatMap({ try? Envelope.parse($0) }), envelope.edited == nil,
        envelope.spec.withoutQueue != spec.withoutQueue || envelope.array?.sha256 != array?.sha256
      {
        return try reject(
          claim,
          "$.queue.idempotency_key: job \(first) has the key \"\(key)\" and is another "
            + "job; choose another key")
      }
      try finish(
        claim, answer: array.map { (first...(first + $0.count - 1)).text } ?? "\(first)")
      return .repeated(name: claim.name, job: first)
    }
  }

  /// The number of the job that is meant; of several with one name it is the newest.
  func number(
    of reference: JobReference, before id: Int
  ) throws(SystemError) -> Int? {
    switch reference {
    case .number(let job):
      guard job < id, try queue.state(of: job) != nil else { return nil }
      return job
    case .name(let name): return try names.newest(name, before: id)
    }
  }

  /// Answers the submitter, then lets the claimed file go.
  ///
  /// - id: 0 where it was about no job.
  /// - synced: false leaves the names in `claim/` to be synced.
  func finish(_ claim: ClaimName, job id: Int, synced: Bool = true) throws(SystemError) {
    try finish(claim, answer: "\(id)", synced: synced)
  }

  /// - answer: The number of the job, or those of the first and the last job of an array.
  func finish(_ claim: ClaimName, answer: String, synced: Bool = true) throws(SystemError) {
    if let token = Submission.Token(fileName: claim.name) {
      // Whoever waits for it does not outlive a power cut either.
      try AtomicFile.write("\(answer)\n", to: token.receipt(in: layout), synced: false)
    }
    try Directory.remove(layout.claim + "/" + claim.file)
    // A claim that a power cut brings back is settled again to the same end.
    if synced { try? Directory.sync(layout.claim) }
  }
}

extension JobSpec {
  /// What the job computes, wherever its place in the queue is.
  fileprivate var withoutQueue: JobSpec {
    var job = self
    job.queue = QueueSpec()
    return job
  }
}
