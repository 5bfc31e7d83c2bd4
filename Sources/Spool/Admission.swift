import DurableIO
import Glibc
public import Jobs

/// The one way in: what lands in `drop/` becomes a job, a command, or a refusal with its reason.
///
/// A file is judged where it lies, claimed by one rename, judged again where nobody can exchange
/// it, and settled: jobs are committed, commands noted in the queue entry they are about, the rest
/// moved to `rejected/`. Every step from the claim on can be repeated, so after a crash anywhere
/// `finishClaims` brings each file to the same end, once.
///
/// Nothing is lost: a file that is still being written is left to its writer, and where the
/// machine is at fault (no space, no descriptors, a failing disk) the file stays where it is and
/// is tried again. Only the daemon that holds the spool's lock may use this.
public struct Admission {
  /// What became of one file.
  public enum Outcome: Sendable {
    /// It is a job, durable, as it stands in the queue now. Reported once, but for a crash in
    /// between.
    case admitted(Envelope, QueueEntry, in: JobState)
    /// It is a command of somebody who may give it, noted durably in the job's queue entry. The
    /// daemon acts on it; a cancellation of a job that is cancelled already is reported as well.
    case commanded(Command, by: UInt32)
    /// It is a command of somebody who may give it that has a job run again, which is queued now;
    /// without its envelope if that is damaged.
    case revived(QueueEntry, Envelope?, JobCommand, by: UInt32)
    /// It is an edit by somebody who may command the job, which is another one now.
    case edited(Envelope, QueueEntry, in: JobState, by: UInt32)
    /// It is a job that came before, as that number, with the same idempotency key.
    case repeated(name: String, job: Int)
    /// It was refused, and is in `rejected/`; nil where its owner is not known.
    case rejected(name: String, reason: String, owner: UInt32?)
    /// It may be unfinished: look again after a while.
    case waiting(name: String, reason: String, retryAfter: Duration)
    /// The machine is at fault, in a sentence; the file (every job, if `name` is nil) stays where
    /// it is.
    case blocked(name: String?, reason: String)
  }

  /// What admission can be told.
  public struct Policy: Sendable {
    /// Seconds without a change after which a file counts as finished by its writer.
    public var settleSeconds = 10
    /// Bytes that must be free on the state's file system for a job to be admitted.
    public var freeSpaceFloor = 16_000_000
    /// Jobs of one user's arrays that are written in one scan, so that arrays do not keep the daemon
    /// from everything else.
    public var membersAtOnce = 256
    /// Who may command jobs.
    public var authority = CommandAuthority()
    /// What others may have.
    public var limits = UserLimits()

    /// The defaults.
    public init() {}
  }

  let layout: SpoolLayout
  let queue: JobQueue
  let keys: IdempotencyKeys
  let names: JobNames
  /// What it is told; may change between two scans.
  public var policy: Policy
  /// How many jobs each user has that are not over, said before each scan; until then new jobs wait
  /// if there is a limit.
  public var activeJobs: [UInt32: Int]?
  var clock: SpoolClock
  var numbers: JobNumbers
  var foreignDirectories = ForeignDirectories()
  /// How many jobs of each user are claimed and not in `activeJobs`.
  var claimedJobs: [UInt32: Int] = [:]
  /// How many jobs of each user's arrays this scan has written.
  var membersWritten: [UInt32: Int] = [:]
  /// What was in `drop/` when it was last looked at and has not been taken.
  private var backlog = Backlog()
  /// Whether something has come to `drop/` since then.
  private var isStale = false
  /// When it is looked at again though there is a backlog.
  private var nextLook: ContinuousClock.Instant?
  /// Whether what is to be seen of the spool may be in memory only: something has failed.
  private var isDoubtful = false

  /// Opens the spool's way in.
  ///
  /// Throws: `SpoolError` where the count of job numbers is damaged.
  public init(_ layout: SpoolLayout, policy: Policy = Policy()) throws(SpoolError) {
    try self.init(layout, policy: policy, clock: SpoolClock())
  }

  init(_ layout: SpoolLayout, policy: Policy, clock: SpoolClock) throws(SpoolError) {
    self.layout = layout
    self.policy = policy
    self.clock = clock
    queue = JobQueue(layout)
    keys = IdempotencyKeys(layout)
    names = JobNames(layout)
    numbers = try JobNumbers(layout)
  }

  /// Looks at everything in `claim/` and `drop/`, there at the users' files by turns, and at those of
  /// one user in the order in which they arrived.
  ///
  /// - limit: It takes at most so many files from `drop/`, and leaves the rest to the next scan, so
  ///   that a flood of files does not keep the daemon from everything else.
  public mutating func scan(atMost limit: Int = .max) -> [Outcome] {
    clock.look()
    let outcomes = finishClaims()
    if backlog.isEmpty || isStale && nextLook.map({ clock.steady() >= $0 }) ?? true {
      do {
        try lookAtDrop()
      } catch {
        return outcomes + [.blocked(name: nil, reason: error.description)]
      }
    }
    return outcomes + noted(take(backlog.take(atMost: limit)))
  }

  /// Takes a hint that something has come to `drop/`: it may not be among what was listed for the
  /// scans that go on with a flood.
  public mutating func noteArrival() { isStale = true }

  /// Whether the last scan has left files to the next one.
  public var isBehind: Bool { !backlog.isEmpty || isStale }

  private mutating func lookAtDrop() throws(SystemError) {
    isStale = false
    let begin = clock.steady()
    let arrivals = try Backlog.arrivals(in: layout.drop)
    backlog.look(at: arrivals)
    foreignDirectories.keep(arrivals.values.joined().map(\.name))
    // Whatever comes during a long flood, half of the time is left for taking it.
    let end = clock.steady()
    nextLook = end + begin.duration(to: end)
  }

  /// Settles what a crash, or a machine at fault, left in `claim/`.
  public mutating func finishClaims() -> [Outcome] {
    membersWritten = [:]
    do {
      if isDoubtful { try makeDurable() }
      isDoubtful = false
      let claims = try Directory.names(in: layout.claim).map(ClaimName.init)
      try count(claims)
      return noted(settle(claims.sorted { $0.id ?? .max < $1.id ?? .max }))
    } catch {
      return [.blocked(name: nil, reason: error.description)]
    }
  }

  /// Puts on the disk what is to be seen of the spool: what an earlier attempt, or a daemon that was
  /// killed, has left is not done again, and may not have been synced.
  func makeDurable() throws(SystemError) {
    for path in [layout.spool, layout.state] { try FileSystemSync(path).finish() }
  }

  private mutating func noted(_ outcomes: [Outcome]) -> [Outcome] {
    for case .blocked in outcomes { isDoubtful = true }
    return outcomes
  }

  /// Brings claimed files to their end, one after the other, but new jobs together.
  mutating func settle(_ claims: [ClaimName]) -> [Outcome] {
    if claims.isEmpty { return [] }
    var outcomes: [Outcome] = []
    var refusals: [(claim: ClaimName, reason: String)] = []
    var jobs: NewJobs
    do {
      jobs = try NewJobs(layout, count: claims.count)
    } catch {
      return claims.map { .blocked(name: $0.name, reason: error.description) }
    }
    for claim in claims {
      do {
        if let outcome = try settle(claim, among: &jobs, &refusals, &outcomes) {
          outcomes.append(outcome)
        }
      } catch {
        outcomes.append(.blocked(name: claim.name, reason: error.description))
      }
    }
    return outcomes + jobs.enter(self) + reject(refusals)
  }

  /// Brings a claimed file to its end, or to where only `jobs` must still be entered, or `refusals`
  /// be carried out. What must be there before it is entered first.
  private mutating func settle(
    _ claim: ClaimName, among jobs: inout NewJobs,
    _ refusals: inout [(claim: ClaimName, reason: String)], _ outcomes: inout [Outcome]
  ) throws(SystemError) -> Outcome? {
    if claim.isBuilt, let ids = claim.ids {
      outcomes += try publish(ids, claim)
      return nil
    }
    switch try judge(layout.claim + "/" + claim.file, isClaimed: true) {
    case .vanished: return nil
    case .wait(let reason, let time):
      return .waiting(name: claim.name, reason: reason, retryAfter: time)
    case .refuse(let reason):
      if claim.isArray { return try giveUp(claim, reason) }
      refusals.append((claim, reason))
      return nil
    case .array(let array, let file):
      outcomes += jobs.enter(self)
      outcomes += try build(array, file, claim)
      return nil
    case .command(let command, let file):
      outcomes += jobs.enter(self)
      return try apply(command, file, claim)
    case .job(let job, let file):
      if claim.isArray { return try giveUp(claim, Self.wasChanged) }
      if jobs.concern(job) { outcomes += jobs.enter(self) }
      if let outcome = try settleByKey(job.spec, nil, file, claim) { return outcome }
      if claim.ids == nil {
        switch allowance(of: 1, for: file.owner) {
        case .granted: break
        case .refused(let reason):
          refusals.append((claim, reason))
          return nil
        case .unknown: return awaitingCount(claim)
        }
      }
      switch try prepare(
        job, file, try numbered(claim, .job), synced: jobs.syncsEachFile)
      {
      case .settled(let outcome): return outcome
      case .refused(let reason):
        refusals.append((claim, reason))
        return nil
      case .prepared(let new):
        jobs.append(new)
        return nil
      }
    }
  }

  /// Why a file is refused whose jobs can be in the making.
  static let wasChanged = "it was changed while it was being admitted; submit it again"

  /// The time now, for files that may be unfinished and for envelopes.
  var now: Timestamp { clock.now() }
}
