import DurableIO
import Jobs

// The way of files from `drop/` to `claim/`: each is looked at, gets the numbers that it needs, and is
// claimed by a rename to a name that says them. Many are claimed with two syncs.

extension Admission {
  /// Brings the files of these names in `drop/` to their end, together; trouble with one does not
  /// hold up the others.
  mutating func take(_ names: [String]) -> [Outcome] {
    var outcomes: [Outcome] = []
    var wanted: [(name: String, numbers: Numbers)] = []
    for name in names where !foreignDirectories.contains(name, in: layout.drop) {
      do {
        switch try look(at: name) {
        case .claimable(let numbers): wanted.append((name, numbers))
        case .settled(let outcome): outcomes.append(outcome)
        case .vanished: continue
        }
      } catch {
        outcomes.append(cannotTake(name, error))
      }
    }
    var claims: [ClaimName] = []
    do {
      try numbers.reserve(wanted.reduce(0) { $0 + $1.numbers.count })
    } catch {
      return outcomes + wanted.map { .blocked(name: $0.name, reason: error.description) }
    }
    for (name, numbers) in wanted {
      do {
        if let claim = try claim(name, numbers) { claims.append(claim) }
      } catch {
        outcomes.append(cannotTake(name, error))
      }
    }
    do {
      if !claims.isEmpty {
        try Directory.sync(layout.claim)
        try Directory.sync(layout.drop)
      }
    } catch {
      return outcomes + claims.map { .blocked(name: $0.name, reason: error.description) }
    }
    return outcomes + settle(claims)
  }

  /// What a claimed file needs of numbers.
  enum Numbers {
    /// It is no job, or one that has come before.
    case none
    case job
    case array(of: Int)

    var count: Int {
      switch self {
      case .none: 0
      case .job: 1
      case .array(let count): count
      }
    }
  }

  /// What there is to do with a file in `drop/`.
  private enum Look {
    case vanished
    case claimable(Numbers)
    case settled(Outcome)
  }

  private mutating func look(at name: String) throws(SystemError) -> Look {
    guard SubmittedFile.isWellNamed(name) else { return try takeMisnamed(name) }
    switch try judge(layout.drop + "/" + name, isClaimed: false) {
    case .vanished: return .vanished
    case .wait(let reason, let time):
      return .settled(.waiting(name: name, reason: reason, retryAfter: time))
    case .command, .refuse: return .claimable(.none)
    case .job(let job, let file):
      if let shortage = try shortageOfSpace() {
        return .settled(.blocked(name: name, reason: shortage))
      }
      if let key = job.spec.queue.idempotencyKey,
        case .taken = try keys.standing(of: key, file.owner, claim: nil)
      {
        return .claimable(.none)
      }
      return claimable(.job, for: file.owner)
    case .array(let array, let file):
      if let shortage = try shortageOfSpace() {
        return .settled(.blocked(name: name, reason: shortage))
      }
      return claimable(.array(of: array.count), for: file.owner)
    }
  }

  /// A file of so many new jobs; if its owner may not have them it gets no numbers.
  private mutating func claimable(_ numbers: Numbers, for owner: UInt32) -> Look {
    if case .granted = allowance(of: numbers.count, for: owner) { return .claimable(numbers) }
    return .claimable(.none)
  }

  /// Takes the file `name` out of `drop/`, durable once both directories are synced; nil if it is
  /// gone.
  private mutating func claim(
    _ name: String, _ wanted: Numbers
  ) throws(SystemError) -> ClaimName? {
    let claim = try named(name, wanted)
    do {
      try Directory.renameWithoutReplacing(
        layout.drop + "/" + name, to: layout.claim + "/" + claim.file)
    } catch  where error.isNotFound {
      return nil
    }
    if let last = claim.ids?.upperBound { numbers.use(last) }
    return claim
  }

  /// The claim of a file with the numbers that come next; they are used when it is there.
  private mutating func named(_ name: String, _ wanted: Numbers) throws(SystemError) -> ClaimName {
    switch wanted {
    case .none: return ClaimName(id: nil, name: name)
    case .job: return ClaimName(id: try numbers.next(), name: name)
    case .array(let count):
      let first = try numbers.next(count)
      return ClaimName(ids: first...(first + count - 1), name: name)
    }
  }

  /// Brings to its end what is in `drop/` under a name that no job or command file has.
  ///
  /// Whatever it is, it is refused, so it needs no claim; and there its name could pass for that
  /// of another's claim.
  private func takeMisnamed(_ name: String) throws(SystemError) -> Look {
    switch try judgeMisnamed(layout.drop + "/" + name) {
    case .wait(let reason, let time):
      return .settled(.waiting(name: name, reason: reason, retryAfter: time))
    case .refuse(let reason):
      return .settled(try reject(name, from: layout.drop, as: name, reason))
    case .vanished, .job, .array, .command: return .vanished
    }
  }

  /// Gives a claimed file its numbers, if it has none: it was exchanged between the first look and
  /// the claim.
  mutating func numbered(
    _ claim: ClaimName, _ wanted: Numbers
  ) throws(SystemError) -> ClaimName {
    if claim.ids != nil { return claim }
    let new = try named(claim.name, wanted)
    try Directory.renameWithoutReplacing(
      layout.claim + "/" + claim.file, to: layout.claim + "/" + new.file)
    if let last = new.ids?.upperBound { numbers.use(last) }
    try Directory.sync(layout.claim)
    return new
  }

  /// A sentence if the state's file system has too little room for a job.
  private func shortageOfSpace() throws(SystemError) -> String? {
    let free = try Directory.freeSpace(at: layout.state)
    let needed = policy.freeSpaceFloor
    if free >= needed { return nil }
    return "the file system of \(layout.state) has \(megabytes(free)) MB free, and "
      + "\(megabytes(needed)) MB are needed to admit a job"
  }

  /// Rounded down, to a tenth: too little never looks like enough.
  private func megabytes(_ bytes: Int) -> String { "\(bytes / 1_000_000).\(bytes / 100_000 % 10)" }
}
