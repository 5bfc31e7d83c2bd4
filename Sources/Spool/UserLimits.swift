import DurableIO
import Jobs

/// What one user may have who is no administrator.
public struct UserLimits: Equatable, Sendable {
  /// The most jobs that are not over; nil: any number.
  public var jobs: Int?
  /// The highest priority; nil: any.
  public var priority: Int?

  /// No limits.
  public init() {}
}

// How many jobs a user has is not looked up on the disk: the daemon says it before each scan, and what
// was claimed since then, and is not in the queue yet, is added here.

extension Admission {
  /// Whether a user may have more jobs.
  enum Allowance {
    case granted
    case refused(String)
    /// Nobody has counted yet.
    case unknown
  }

  /// Whether `user` may have `count` jobs more. If so, they count from now on.
  mutating func allowance(of count: Int, for user: UInt32) -> Allowance {
    guard let most = policy.limits.jobs else { return .granted }
    guard let activeJobs else { return .unknown }
    let present = activeJobs[user, default: 0] + claimedJobs[user, default: 0]
    if present + count > most, !policy.authority.isUnlimited(user) {
      return .refused(
        "\(userName(user)) may have \(most) jobs that are not over (max_jobs_per_user), and has "
          + "\(present) without the \(count) of this file; "
          + (count > most
            ? "submit it in smaller parts"
            : "wait until enough of them have ended, or cancel some, and submit it again"))
    }
    claimedJobs[user, default: 0] += count
    return .granted
  }

  /// What becomes of a claimed file as long as nobody has counted.
  func awaitingCount(_ claim: ClaimName) -> Outcome {
    .waiting(
      name: claim.name, reason: "the jobs that its owner has are being counted", retryAfter: .zero)
  }

  /// Begins to count with what an earlier scan has left in `claim/`.
  mutating func count(_ claims: [ClaimName]) throws(SystemError) {
    claimedJobs = [:]
    if policy.limits.jobs == nil { return }
    for claim in claims {
      guard let ids = claim.ids else { continue }
      let owner = try FileStatus(ofLink: layout.claim + "/" + claim.file).owner
      claimedJobs[owner, default: 0] += ids.count
    }
  }

  /// Why a job may not have that priority, in words that follow the key or the job; nil if it may.
  ///
  /// - current: what it has already, which is no reason to refuse anything.
  func refusal(
    ofPriority priority: Int, for user: UInt32, current: Int = .min
  ) -> String? {
    guard let most = policy.limits.priority, priority > max(most, current),
      !policy.authority.isUnlimited(user)
    else { return nil }
    return "the priority \(priority) is above \(most), the highest that users may give "
      + "(max_priority); choose that or a lower one, or ask an administrator"
  }
}
