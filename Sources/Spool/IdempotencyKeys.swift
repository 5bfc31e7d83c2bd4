import DurableIO
import Jobs

/// Which job came with which idempotency key: `keys/SUBMITTER:KEY` holds its number.
///
/// The key is on disk before its job exists, so that wherever a crash falls between the two, no
/// second job comes with it. It lasts as long as the job does.
struct IdempotencyKeys {
  private let layout: SpoolLayout
  private let queue: JobQueue

  init(_ layout: SpoolLayout) {
    self.layout = layout
    queue = JobQueue(layout)
  }

  /// What a key says of a job that is to be admitted.
  enum Standing {
    /// It is new, or the job's own.
    case free
    /// The job is another submission of this one.
    case taken(by: Int)
    /// The job with that number comes first, and is not settled yet.
    case claimed(by: Int)
  }

  /// - claim: The number that the asking job has, if it has one.
  func standing(
    of key: String, _ submitter: UInt32, claim: Int?
  ) throws(SystemError) -> Standing {
    guard let text = try readFileIfPresent(path(key, submitter), limit: 64),
      let job = Int(String(decoding: text, as: UTF8.self).dropLast()), job != claim
    else { return .free }
    if try queue.state(of: job) != nil { return .taken(by: job) }
    // A job that was removed, or was refused after all, has no key.
    let isClaimed = try Directory.names(in: layout.claim).contains { ClaimName($0).id == job }
    return isClaimed ? .claimed(by: job) : .free
  }

  /// Gives the key to a job.
  func take(
    _ key: String, _ submitter: UInt32, for job: Int, synced: Bool
  ) throws(SystemError) {
    try AtomicFile.write("\(job)\n", to: path(key, submitter), synced: synced)
  }

  /// Takes the key from a job that is being removed, if it is still that job's.
  func free(_ key: String, _ submitter: UInt32, from job: Int) throws(SystemError) {
    let path = path(key, submitter)
    if try readFileIfPresent(path, limit: 64) == Array("\(job)\n".utf8) {
      try Directory.remove(path)
    }
  }

  private func path(_ key: String, _ submitter: UInt32) -> String {
    "\(layout.keys)/\(submitter):\(key)"
  }
}
