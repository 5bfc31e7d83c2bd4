/// The jobs that have not ended, indexed so that no question costs more as the queue grows.
package struct JobTable: Sendable {
  private var jobs: [Int: ActiveJob] = [:]
  private(set) var queuedCount = 0
  private(set) var heldCount = 0
  /// Holds every job that is ready, and some that were.
  private var order = RunOrder()
  /// The numbers of all jobs that are neither queued nor held: few.
  private var engaged: Set<Int> = []
  /// The train jobs' numbers by name.
  private var makers: [String: Set<Int>] = [:]
  /// The jobs that wait for another one, by the number of that.
  private var waiting: [Int: Set<Int>] = [:]

  /// Setting a job adds it or replaces it, setting nil takes it out.
  package subscript(id: Int) -> ActiveJob? {
    get { jobs[id] }
    set {
      let old = jobs[id]
      if let old { forget(old) }
      jobs[id] = newValue
      guard let newValue else { return }
      note(newValue)
      let wasInOrder = old.map { $0.isReady && $0.place == newValue.place } ?? false
      if newValue.isReady && !wasInOrder { order.insert(newValue.place) }
    }
  }

  /// The jobs that are neither queued nor held, in the order of their numbers.
  package var atWork: [ActiveJob] { engaged.sorted().compactMap { jobs[$0] } }

  /// The numbers of all jobs, ascending.
  package var ids: [Int] { jobs.keys.sorted() }

  /// The job that runs next, if there is one that is ready.
  mutating func next() -> ActiveJob? {
    while let place = order.first {
      if let job = jobs[place.id], job.isReady, job.place == place { return job }
      order.removeFirst()
    }
    return nil
  }

  /// The last of the train jobs with that name and a number below `id` that have not ended.
  func newestMaker(of name: String, before id: Int) -> Int? {
    makers[name]?.filter { $0 < id }.max()
  }

  /// The jobs that wait for job `id`, in the order of their numbers.
  func waiting(for id: Int) -> [Int] { waiting[id]?.sorted() ?? [] }

  private mutating func note(_ job: ActiveJob) {
    let id = job.summary.id
    switch job.phase {
    case .queued: queuedCount += 1
    case .held: heldCount += 1
    case .deferred, .running, .stopping, .orphaned, .recording: engaged.insert(id)
    }
    if job.summary.kind == "train" { makers[job.summary.name, default: []].insert(id) }
    for earlier in job.prerequisites { waiting[earlier.job, default: []].insert(id) }
  }

  private mutating func forget(_ job: ActiveJob) {
    let id = job.summary.id
    switch job.phase {
    case .queued: queuedCount -= 1
    case .held: heldCount -= 1
    case .deferred, .running, .stopping, .orphaned, .recording: engaged.remove(id)
    }
    for earlier in job.prerequisites {
      waiting[earlier.job]?.remove(id)
      if waiting[earlier.job]?.isEmpty == true { waiting[earlier.job] = nil }
    }
    guard job.summary.kind == "train" else { return }
    makers[job.summary.name]?.remove(id)
    if makers[job.summary.name]?.isEmpty == true { makers[job.summary.name] = nil }
  }
}
