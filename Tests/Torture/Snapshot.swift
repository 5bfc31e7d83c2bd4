import DurableIO
import Jobs
import Spool

/// What is where in the spool. Taken while no daemon is alive it is exact; workers change none of
/// it but what is in their jobs' folders.
struct Snapshot {
  /// Where the job's entry is: in one state, if all is well.
  var states: [Int: [JobState]] = [:]
  var removing: Set<Int> = []
  var folders: Set<Int> = []
  /// Files on their way, by their names in `drop/`.
  var onTheirWay: Set<String> = []
  /// Numbers of jobs that are being admitted.
  var claimed: Set<Int> = []
  /// Arrays on their way whose jobs are complete, and appear one by one.
  var appearing: Set<String> = []

  init(_ layout: SpoolLayout) throws(SystemError) {
    // In the order in which files and entries move, so that none is missed.
    for name in try Directory.names(in: layout.drop) { onTheirWay.insert(name) }
    for claim in try Directory.names(in: layout.claim) { add(claim) }
    for state in JobState.allCases {
      for id in try JobQueue(layout).ids(in: state) { states[id, default: []].append(state) }
    }
    removing = try Self.numbers(in: layout.removing)
    folders = try Self.numbers(in: layout.jobs)
  }

  /// Takes a name in `claim/`: NAME, ID:NAME, FIRST-LAST:NAME or FIRST-LAST=NAME.
  private mutating func add(_ claim: String) {
    let parts = claim.split(maxSplits: 1) { $0 == ":" || $0 == "=" }
    let name = String(parts.last ?? "")
    onTheirWay.insert(name)
    if parts.count == 2 {
      let ids = parts[0].split(separator: "-").compactMap { Int($0) }
      if let first = ids.first, let last = ids.last { claimed.formUnion(first...last) }
      if claim.dropFirst(parts[0].count).first == "=" { appearing.insert(name) }
    }
  }

  private static func numbers(in path: String) throws(SystemError) -> Set<Int> {
    Set(try Directory.names(in: path).compactMap { Int($0) })
  }
}
