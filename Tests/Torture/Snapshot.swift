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

  init(_ layout: SpoolLayout) throws(SystemError) {
    // In the order in which files and entries move, so that none is missed.
    for name in try Directory.names(in: layout.drop) { onTheirWay.insert(name) }
    for name in try Directory.names(in: layout.claim) {
      let parts = name.split(separator: ":", maxSplits: 1)
      onTheirWay.insert(String(parts.last ?? ""))
      if parts.count == 2, let id = Int(parts[0]) { claimed.insert(id) }
    }
    for state in JobState.allCases {
      for id in try JobQueue(layout).ids(in: state) { states[id, default: []].append(state) }
    }
    removing = try Self.numbers(in: layout.removing)
    folders = try Self.numbers(in: layout.jobs)
  }

  private static func numbers(in path: String) throws(SystemError) -> Set<Int> {
    Set(try Directory.names(in: path).compactMap { Int($0) })
  }
}
