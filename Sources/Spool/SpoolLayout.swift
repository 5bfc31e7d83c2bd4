public import DurableIO
public import Jobs

/// Where everything of one spool is on disk. Paths, and the making of the directories.
///
///     SPOOL/drop/                  job files and command files land here, by any means
///     SPOOL/claim/NAME             taken out of drop/, not yet decided on
///     SPOOL/claim/ID:NAME          being admitted as job ID
///     SPOOL/rejected/NAME          with NAME.reason beside it
///     SPOOL/claim/FIRST-LAST:NAME  an array whose jobs are being built; with = instead of :, built
///     STATE/queue/QUEUESTATE/ID    the job's queue entry; its state is the directory it is in
///     STATE/removing/ID            the entry of a job that is being cleared away
///     STATE/jobs/ID/               everything about the job itself
///     STATE/receipts/TOKEN         the number of the job that came as drop/submit-TOKEN.json, or of the command
///     STATE/keys/USER:KEY          the number of the job that the user submitted with that key
///     STATE/paused                 who has paused the queue, and when, if it is paused
///     STATE/highest-id             the highest number ever given to a job
///     STATE/lock                   held by the one daemon of this spool
///     STATE/configuration          what became of the configuration when it was read last
///     STATE/problem                what keeps that daemon from its work; empty if nothing does
public struct SpoolLayout: Equatable, Sendable {
  /// SPOOL: what others may write into.
  public let spool: String
  /// STATE: what only the daemon and its workers write into.
  public let state: String
  private let dropMode: UInt32

  /// A private spool below `root`, in `root/spool` and `root/lib`.
  public init(root: String) {
    spool = root + "/spool"
    state = root + "/lib"
    dropMode = 0o700
  }

  private init(spool: String, state: String, dropMode: UInt32) {
    self.spool = spool
    self.state = state
    self.dropMode = dropMode
  }

  /// The machine's spool: members of the daemon's group may put files into drop/, but see and
  /// take nobody else's.
  public static let system = SpoolLayout(
    spool: "/var/spool/ddpmd", state: "/var/lib/ddpmd", dropMode: 0o1730)

  /// The way in.
  public var drop: String { spool + "/drop" }
  /// Files on their way from `drop` to a job, a command or `rejected`.
  public var claim: String { spool + "/claim" }
  /// Files that were refused, each with its reason.
  public var rejected: String { spool + "/rejected" }
  /// How the name of the reason beside a file in `rejected` ends.
  static let reasonSuffix = ".reason"
  /// Why the file that is called `name` in `rejected` was refused.
  public func reason(ofRejected name: String) -> String {
    "\(rejected)/\(name)\(Self.reasonSuffix)"
  }
  /// The entries of jobs that have left the queue for good.
  public var removing: String { state + "/removing" }
  /// The directory of all job directories.
  public var jobs: String { state + "/jobs" }
  /// Answers to submissions.
  public var receipts: String { state + "/receipts" }
  /// Idempotency keys, with the numbers of their jobs.
  public var keys: String { state + "/keys" }
  /// Who has paused the queue; there is no such file if it is not paused.
  public var paused: String { state + "/paused" }
  /// The highest number ever given to a job.
  public var highestID: String { state + "/highest-id" }
  /// The lock of the spool's one daemon.
  public var lock: String { state + "/lock" }
  /// A `ReloadReport`.
  public var configuration: String { state + "/configuration" }
  /// A `NoticeFile` of what keeps the daemon from its work.
  public var problem: String { state + "/problem" }

  /// The directory whose entries are the jobs in `jobState`.
  public func queue(_ jobState: JobState) -> String { state + "/queue/" + jobState.rawValue }

  /// The queue entry of a job in `jobState`.
  public func queueEntry(_ id: Int, _ jobState: JobState) -> String { "\(queue(jobState))/\(id)" }

  /// The directory of a job.
  public func jobDirectory(_ id: Int) -> JobDirectory { JobDirectory(path: "\(jobs)/\(id)") }

  /// Makes what is missing, with its permissions; leaves what is there alone.
  public func createDirectories() throws(SystemError) {
    let readable: UInt32 = 0o755
    try create(spool, mode: readable)
    try create(state, mode: readable)
    try create(drop, mode: dropMode)
    for path in [claim, keys, removing] { try create(path, mode: 0o700) }
    for path in [rejected, jobs, receipts] { try create(path, mode: readable) }
    for jobState in JobState.allCases { try create(queue(jobState), mode: readable) }
  }

  /// Makes `drop` where somebody has removed it: where `claim` beside it is there, no disk is missing.
  ///
  /// Returns: whether it was made.
  public func remakeDrop() throws(SystemError) -> Bool {
    guard try !Directory.exists(drop), try Directory.exists(claim) else { return false }
    try create(drop, mode: dropMode)
    return true
  }

  private func create(_ path: String, mode: UInt32) throws(SystemError) {
    if try Directory.exists(path) { return }
    try Directory.create(path)
    try Directory.setPermissions(mode, of: path)
  }
}

/// A spool that cannot be worked with.
public enum SpoolError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The machine is at fault.
  case system(SystemError)
  /// A file does not hold what this daemon writes into it.
  case damaged(path: String, problem: String)

  /// One sentence.
  public var description: String {
    switch self {
    case .system(let error): error.description
    case .damaged(let path, let problem): "\(path): \(problem)"
    }
  }
}
