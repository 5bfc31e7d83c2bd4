import Jobs

/// A job file that is handed in, once or, with an idempotency key, several times: one job, or the
/// jobs of an array.
final class JobFile {
  let bytes: [UInt8]
  /// How many jobs it makes.
  let count: Int
  let key: String?
  /// The job that its jobs are to run after.
  let maker: TrackedJob?
  /// The end of the maker that they wait for; nil: any, as long as it makes their model.
  let condition: Dependency.Condition?
  private(set) var submissions: [HandedIn] = []
  /// Whether what became of one of these is not known yet.
  var isOnItsWay = false
  /// The number of its first job, once one is seen.
  var first: Int?
  /// Whether one of its jobs is removed, or is to be: the receipt goes with it.
  var isRemoved = false

  init(
    _ bytes: [UInt8], count: Int, key: String?, maker: TrackedJob?,
    condition: Dependency.Condition?
  ) {
    self.bytes = bytes
    self.count = count
    self.key = key
    self.maker = maker
    self.condition = condition
  }

  /// Takes note that it was handed in as `submission`.
  func take(_ submission: HandedIn) {
    submissions.append(submission)
    isOnItsWay = true
  }

  /// The numbers of its jobs.
  var ids: ClosedRange<Int>? { first.map { $0...($0 + count - 1) } }

  /// Whether its jobs may have come to their ends without a run, because of the maker's.
  var mayFall: Bool {
    guard let maker else { return false }
    return maker.isGone || maker.ends.contains { !(condition ?? .ok).isMet(by: $0) }
  }

  /// Whether its jobs may run by what the maker has come to.
  var mayRun: Bool {
    guard let maker else { return true }
    return maker.ends.contains { (condition ?? .any).isMet(by: $0) }
  }

  /// For people.
  var names: String { submissions.map(\.fileName).joined(separator: ", ") }
}
