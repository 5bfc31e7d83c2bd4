import DurableIO
import Jobs
import StrictJSON

/// The ends that a claimed file can come to. Each can be repeated after a crash in its middle.
extension Admission {
  /// Makes a claimed file a job: its directory, then its queue entry, which is the moment from
  /// which the job exists, then the receipt; then the claim goes.
  func commit(
    _ job: SubmittedJob, _ file: SubmittedFile, _ claim: ClaimName
  ) throws(SystemError) -> Outcome? {
    guard let id = claim.id else { preconditionFailure("a job is committed under its number") }
    let envelope = Envelope(
      id: id, submitter: file.owner, submitted: now, sha256: SHA256.of(file.bytes).hex,
      fileName: claim.name, spec: job.spec, original: job.original)
    var state = JobState.queued
    var entry = QueueEntry(id: id)
    if let found = try queue.find(id) {
      // All this has happened before, and the job may have run; but did it reach the disk?
      (state, entry) = found
      try Directory.sync(layout.queue(state))
    } else {
      let directory = layout.jobDirectory(id)
      let event = JobEvent(time: envelope.submitted, kind: .admitted, attempt: 0)
      try Directory.create(directory.path)
      // The directory may be there, unsynced, from before a crash.
      try Directory.sync(layout.jobs)
      try Directory.removeTemporaries(in: directory.path)
      try AtomicFile.write(envelope.json.serialized(pretty: true) + "\n", to: directory.job)
      try AtomicFile.write(event.line + "\n", to: directory.events)
      entry.priority = job.spec.queue.priority
      entry.holdRequested = job.spec.queue.hold
      if entry.holdRequested { state = .held }
      try queue.add(entry, to: state)
    }
    try finish(claim, job: id)
    return .admitted(envelope, entry, in: state)
  }

  /// Moves a claimed file to `rejected/`.
  func reject(_ claim: ClaimName, _ reason: String) throws(SystemError) -> Outcome? {
    try reject(claim.file, from: layout.claim, as: claim.name, reason)
  }

  /// Moves what is in `directory` to `rejected/`, its reason first. What was there under that name
  /// goes.
  func reject(
    _ file: String, from directory: String, as name: String, _ reason: String
  ) throws(SystemError) -> Outcome? {
    let source = directory + "/" + file
    let target = layout.rejected + "/" + Self.nameInRejected(name)
    try AtomicFile.write(reason + "\n", to: target + ".reason")
    try Directory.removeTree(target)
    try Directory.rename(source, to: target)
    // The file is durable in one of the two places, and must be reported now that it has moved.
    try? Directory.sync(layout.rejected)
    try? Directory.sync(directory)
    return .rejected(name: name, reason: reason)
  }

  /// `name`, but short enough to leave room for the reason's, and not that of another's reason.
  private static func nameInRejected(_ name: String) -> String {
    var name = name
    while name.utf8.count > 200 { name.removeLast() }
    return name.hasSuffix(".reason") ? name + "_" : name
  }

  /// Answers the submitter, then lets the claimed file go.
  func finish(_ claim: ClaimName, job id: Int) throws(SystemError) {
    if let token = Submission.Token(fileName: claim.name) {
      try AtomicFile.write("\(id)\n", to: token.receipt(in: layout))
    }
    try Directory.remove(layout.claim + "/" + claim.file)
    // A claim that a power cut brings back is settled again to the same end.
    try? Directory.sync(layout.claim)
  }
}
