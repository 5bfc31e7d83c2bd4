import Spool

/// The jobs that have not ended, indexed so that no question costs more as the queue grows, and kept
/// so that a hundred thousand of them take a few megabytes.
package struct JobTable: Sendable {
  private var rows: [Int: JobRow] = [:]
  /// What the latest jobs had in common with others.
  private var common: [JobRow.Rest] = []
  private(set) var queuedCount = 0
  private(set) var heldCount = 0
  /// How many jobs each user has submitted.
  private(set) var countsByUser: [UInt32: Int] = [:]
  /// Holds every job that is ready, and some that were.
  private(set) var order = RunOrder()
  /// The numbers of the jobs that have a worker: few.
  private var working: Set<Int> = []
  /// The jobs whose next state is being written.
  private(set) var beingRecorded: Set<Int> = []
  /// The jobs that wait for their next run, ascending: all of them while the machine is at fault.
  private(set) var deferred: [Int] = []
  /// The train jobs by name.
  private var makers = NameIndex()
  /// The jobs that wait for another one, by the number of that.
  private var waiting: [Int: Set<Int>] = [:]

  /// Setting a job adds it or replaces it, setting nil takes it out.
  package subscript(id: Int) -> ActiveJob? {
    get { rows[id]?.job(id) }
    set {
      let old = self[id]
      if let old { forget(old) }
      rows[id] = newValue.map { row(of: $0) }
      guard let newValue else { return }
      note(newValue)
      let wasInOrder = old.map { $0.isReady && $0.place == newValue.place } ?? false
      if newValue.isReady && !wasInOrder { order.insert(newValue.place) }
      if order.count > 2 * queuedCount + 100 { rebuildOrder() }
    }
  }

  /// The jobs that have a worker, in the order of their numbers.
  package var atWork: [ActiveJob] { working.sorted().compactMap { self[$0] } }

  /// The numbers of all jobs, ascending.
  package var ids: [Int] { rows.keys.sorted() }

  /// The job that runs next, if there is one that is ready.
  mutating func next() -> ActiveJob? {
    while let place = order.first {
      if let job = self[place.id], job.isReady, job.place == place { return job }
      order.removeFirst()
    }
    return nil
  }

  /// The last of the train jobs with that name and a number below `id` that have not ended.
  func newestMaker(of name: String, before id: Int) -> Int? {
    makers.ids(of: name, before: id).first { self[$0]?.summary.name == name }
  }

  /// The jobs that wait for job `id`, in the order of their numbers.
  func waiting(for id: Int) -> [Int] { waiting[id]?.sorted() ?? [] }

  private mutating func note(_ job: ActiveJob) {
    let id = job.summary.id
    switch job.phase {
    case .queued: queuedCount += 1
    case .held: heldCount += 1
    case .deferred: deferred.insert(id, at: placeOfDeferred(id))
    case .running, .stopping, .orphaned: working.insert(id)
    case .recording: beingRecorded.insert(id)
    }
    if let user = job.summary.submitter { countsByUser[user, default: 0] += 1 }
    if job.summary.kind == "train" { makers.insert(id, job.summary.name) }
    for earlier in job.prerequisites { waiting[earlier.job, default: []].insert(id) }
  }

  private mutating func forget(_ job: ActiveJob) {
    let id = job.summary.id
    switch job.phase {
    case .queued: queuedCount -= 1
    case .held: heldCount -= 1
    case .deferred: deferred.remove(at: placeOfDeferred(id))
    case .running, .stopping, .orphaned: working.remove(id)
    case .recording: beingRecorded.remove(id)
    }
    for earlier in job.prerequisites {
      waiting[earlier.job]?.remove(id)
      if waiting[earlier.job]?.isEmpty == true { waiting[earlier.job] = nil }
    }
    if let user = job.summary.submitter {
      countsByUser[user, default: 0] -= 1
      if countsByUser[user] == 0 { countsByUser[user] = nil }
    }
    if job.summary.kind == "train" { makers.remove(id, job.summary.name) }
  }

  /// Leaves out the places of jobs that have left: commands can have a job leave its place any number of
  /// times before its turn comes.
  private mutating func rebuildOrder() {
    order = RunOrder()
    for id in rows.keys { if let job = self[id], job.isReady { order.insert(job.place) } }
  }

  /// Where the job is among the deferred ones, or belongs.
  private func placeOfDeferred(_ id: Int) -> Int {
    var places = 0..<deferred.count
    while !places.isEmpty {
      let middle = (places.lowerBound + places.upperBound) / 2
      places =
        deferred[middle] < id ? middle + 1..<places.upperBound : places.lowerBound..<middle
    }
    return places.lowerBound
  }

  /// A job as it is kept, sharing what it can.
  private mutating func row(of job: ActiveJob) -> JobRow {
    var row = JobRow(job)
    if let rest = common.first(where: { $0.job == row.rest.job }) {
      row.rest = rest
    } else {
      common.append(row.rest)
      if common.count > 4 { common.removeFirst() }
    }
    return row
  }
}
