import DurableIO
import Jobs
import StrictJSON

// How an array becomes jobs: wholly, each once, wherever the daemon dies.
//
// Its numbers, a block of them, are in the claim's name, and on disk as given before that. Then the
// jobs are built one by one, each in its directory, with the queue entry that it will have beside
// them: nobody sees them yet, and building them can be given up or gone on with at any time. That
// all are there is one rename of the claim; from then on the file that was submitted is not looked
// at any more, so whatever its writer does to it, an array is what it was. Then the entries move
// into the queue, each by one rename.

extension Admission {
  /// Builds some of the jobs of a claimed array; those that complete it publish them all.
  mutating func build(
    _ array: JobArray, _ file: SubmittedFile, _ claim: ClaimName
  ) throws(SystemError) -> [Outcome] {
    // A job may be in the queue already under that claim.
    if claim.ids != nil, !claim.isArray { return [try reject(claim, Self.wasChanged)] }
    var claim = claim
    let ids: ClosedRange<Int>
    do throws(ArrayRefusal) {
      if let outcome = try settleByKey(array, file, claim) { return [outcome] }
      if claim.ids == nil {
        switch allowance(of: array.count, for: file.owner) {
        case .granted: break
        case .refused(let reason): throw .refused(reason)
        case .unknown: return [awaitingCount(claim)]
        }
        claim = try system { () throws(SystemError) in
          try numbered(claim, .array(of: array.count))
        }
      }
      guard let numbers = claim.ids, numbers.count == array.count else {
        throw .refused(Self.wasChanged)
      }
      ids = numbers
      let waiting = Outcome.waiting(
        name: claim.name, reason: "its jobs \(ids.text) are being admitted", retryAfter: .zero)
      guard membersWritten[file.owner, default: 0] < policy.membersAtOnce else { return [waiting] }
      let key = try checked(array, 0).queue.idempotencyKey
      let sync = try system { () throws(SystemError) in try FileSystemSync(layout.jobs) }
      let isComplete = try buildSome(of: array, ids, file, claim)
      try system { () throws(SystemError) in
        if isComplete, let key {
          try keys.take(key, file.owner, for: ids.lowerBound, synced: false)
        }
        // Also what a daemon that was killed has written of them.
        try sync.finish()
      }
      guard isComplete else { return [waiting] }
    } catch {
      switch error {
      case .system(let error): throw error
      case .refused(let reason): return [try giveUp(claim, reason)]
      }
    }
    let built = ClaimName(ids: ids, name: claim.name, isBuilt: true)
    try Directory.renameWithoutReplacing(
      layout.claim + "/" + claim.file, to: layout.claim + "/" + built.file)
    try Directory.sync(layout.claim)
    return try publish(ids, built)
  }

  /// Lets the jobs of an array appear in the queue.
  func publish(_ ids: ClosedRange<Int>, _ claim: ClaimName) throws(SystemError) -> [Outcome] {
    let removal = JobRemoval(layout)
    for id in ids {
      guard let entry = try queue.stagedEntry(id) else { continue }
      // A power cut can bring back the name that an entry had here.
      let isOut = try removal.isUnderWay(id)
      if try queue.state(of: id) != nil || isOut {
        try queue.unstage(id)
      } else {
        try queue.enter(id, in: entry.holdRequested ? .held : .queued)
      }
    }
    for state in [JobState.queued, .held] { try Directory.sync(layout.queue(state)) }
    var outcomes: [Outcome] = []
    for id in ids {
      guard let (state, entry) = try queue.find(id),
        let bytes = try readFileIfPresent(layout.jobDirectory(id).job),
        let envelope = try? Envelope.parse(bytes)
      else { continue }
      outcomes.append(.admitted(envelope, entry, in: state))
    }
    try finish(claim, answer: ids.text)
    return outcomes
  }

  /// Builds the next jobs that are not there yet; whether there are no more.
  private mutating func buildSome(
    of array: JobArray, _ ids: ClosedRange<Int>, _ file: SubmittedFile, _ claim: ClaimName
  ) throws(ArrayRefusal) -> Bool {
    let sha256 = SHA256.of(file.bytes).hex
    let arraySHA256 = array.sha256
    var known: [JobReference: Int] = [:]
    for (index, id) in ids.enumerated() {
      let isBuilt = try system { () throws(SystemError) in
        try queue.stagedEntry(id) != nil
      }
      if isBuilt { continue }
      guard membersWritten[file.owner, default: 0] < policy.membersAtOnce else { return false }
      membersWritten[file.owner, default: 0] += 1
      let spec = try checked(array, index)
      if let reason = refusal(ofPriority: spec.queue.priority, for: file.owner) {
        throw .refused("$.queue.priority: \(reason)")
      }
      var entry = QueueEntry(id: id, spec.queue)
      for (place, dependency) in spec.queue.after.enumerated() {
        var job = known[dependency.job]
        if job == nil {
          job = try system { () throws(SystemError) in
            try number(of: dependency.job, before: ids.lowerBound)
          }
        }
        guard let job else {
          throw .refused("$.queue.after[\(place)].job: there is no job \(dependency.job) so far")
        }
        known[dependency.job] = job
        entry.after.append(QueueEntry.Dependency(job: job, when: dependency.when))
      }
      var envelope = Envelope(
        id: id, submitter: file.owner, submitted: now, sha256: sha256, fileName: claim.name,
        spec: spec, original: array.member(index))
      envelope.array = ArrayMember(
        first: ids.lowerBound, place: index + 1, count: array.count,
        values: array.values(of: index),
        sha256: arraySHA256)
      try system { () throws(SystemError) in try write(envelope, entry, synced: false) }
    }
    return true
  }

  /// What becomes of an array because of its idempotency key; nil leaves it to be built.
  private func settleByKey(
    _ array: JobArray, _ file: SubmittedFile, _ claim: ClaimName
  ) throws(ArrayRefusal) -> Outcome? {
    let spec = try checked(array, 0)
    return try system { () throws(SystemError) in
      guard let key = spec.queue.idempotencyKey else { return nil }
      if case .taken = try keys.standing(of: key, file.owner, claim: claim.id) {
        try removeBuilt(claim)
      }
      return try settleByKey(spec, array, file, claim)
    }
  }

  /// Refuses a claimed file, and removes what was built of it, which nobody has seen.
  func giveUp(_ claim: ClaimName, _ reason: String) throws(SystemError) -> Outcome {
    try removeBuilt(claim)
    return try reject(claim, reason)
  }

  /// Removes the jobs of arrays whose building was interrupted: a power cut can have left parts of
  /// their files.
  func forgetUnfinishedArrays() throws(SystemError) {
    for claim in try Directory.names(in: layout.claim).map(ClaimName.init)
    where claim.isArray && !claim.isBuilt { try removeBuilt(claim) }
  }

  private func removeBuilt(_ claim: ClaimName) throws(SystemError) {
    guard let ids = claim.ids else { return }
    for id in ids { try Directory.removeTree(layout.jobDirectory(id).path) }
    try Directory.sync(layout.jobs)
  }

  private func checked(_ array: JobArray, _ index: Int) throws(ArrayRefusal) -> JobSpec {
    do {
      return try array.spec(of: index)
    } catch {
      throw .refused(error.description)
    }
  }

  private func system<Result>(
    _ body: () throws(SystemError) -> Result
  ) throws(ArrayRefusal) -> Result {
    do {
      return try body()
    } catch {
      throw .system(error)
    }
  }
}

/// Why an array is not built now.
private enum ArrayRefusal: Error {
  /// The machine is at fault.
  case system(SystemError)
  /// The array is.
  case refused(String)
}

extension JobArray {
  /// Names the array's keys and values.
  var sha256: String { SHA256.of(Array(json.serialized().utf8)).hex }
}

extension ClosedRange<Int> {
  /// "17-19".
  var text: String { "\(lowerBound)-\(upperBound)" }
}
