import DurableIO
import Jobs
import StrictJSON

// Giving a train job more steps. What it was submitted as stays; its new number of steps is in an
// amendment beside that, and its state, with the optimiser's moments, is in its last checkpoint.
//
// A job that is done becomes one that is not: its results go aside, then the amendment is
// written, then its entry moves. Each step can be repeated, and a done job without results is one
// whose extension was interrupted.

extension Admission {
  func extend(
    _ id: Int, to steps: Int, _ state: JobState, _ entry: QueueEntry, _ envelope: Envelope?,
    _ file: SubmittedFile, _ claim: ClaimName
  ) throws(SystemError) -> Outcome? {
    guard let envelope, case .train(let train) = envelope.spec.work else {
      return try reject(
        claim, "job \(id) is a \(envelope?.spec.kind ?? "damaged") job; a train job is needed")
    }
    let directory = layout.jobDirectory(id)
    let old = try amendedSteps(of: directory) ?? train.training.steps
    let hasResults = try Directory.exists(directory.results)
    // Those that this command wrote before a crash are no reason to refuse it.
    guard steps > old || steps == old && (state != .done || !hasResults) else {
      return try reject(
        claim, "job \(id) has \(old) steps; extend it to more than that, counted from its first")
    }
    if state == .running {
      return try reject(claim, "job \(id) is running; extend it when it is over, or hold it first")
    }
    if entry.cancelRequested && !state.isFinal {
      return try reject(claim, "job \(id) is being cancelled; extend it when it is over")
    }
    if hasResults {
      try Directory.renameWithoutReplacing(directory.results, to: directory.results(after: old))
      try Directory.sync(directory.path)
    }
    // What a daemon that died here has left; the job has no worker that could be writing.
    try Directory.removeTemporaries(in: directory.path)
    try AtomicFile.write(
      Amendment(steps: steps).json.serialized(pretty: true) + "\n", to: directory.amendment)
    guard state.isFinal || state == .queued else {
      try finish(claim, job: id)
      return .commanded(.job(id, .extend(steps: steps)), by: file.owner)
    }
    var new = entry
    if state.isFinal {
      new.makeReady(isAnew: true)
      try queue.move(new, from: state, to: .queued)
    }
    try finish(claim, job: id)
    return .revived(new, envelope, .extend(steps: steps), by: file.owner)
  }

  /// A damaged amendment counts as none: its worker says what is wrong with it.
  private func amendedSteps(of directory: JobDirectory) throws(SystemError) -> Int? {
    guard try Directory.exists(directory.amendment) else { return nil }
    return (try? Amendment(parsing: try readFile(directory.amendment)))?.steps
  }
}
