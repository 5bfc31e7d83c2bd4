/// The jobs that have not ended, indexed so that no question costs more as the queue grows.
package struct JobTable: Sendable {
  private var jobs: [Int: ActiveJob] = [:]
  /// The queued jobs' numbers, ascending.
  private(set) var queued: [Int] = []
  private(set) var heldCount = 0
  /// The numbers of all jobs that are neither queued nor held: few.
  private var engaged: Set<Int> = []
  /// The train jobs' numbers by name.
  private var makers: [String: Set<Int>] = [:]

  /// Setting a job adds it or replaces it, setting nil takes it out.
  package subscript(id: Int) -> ActiveJob? {
    get { jobs[id] }
    set {
      if let job = jobs[id] { forget(job) }
      jobs[id] = newValue
      if let newValue { note(newValue) }
    }
  }

  /// The jobs that are neither queued nor held, in the order of their numbers.
  package var atWork: [ActiveJob] { engaged.sorted().compactMap { jobs[$0] } }

  /// The numbers of all jobs, ascending.
  package var ids: [Int] { jobs.keys.sorted() }

  /// Whether a train job with that name and a number below `id` has not ended.
  func isMaking(_ name: String, before id: Int) -> Bool {
    makers[name]?.contains { $0 < id } ?? false
  }

  private mutating func note(_ job: ActiveJob) {
    let id = job.summary.id
    switch job.phase {
    case .queued: queued.insert(id, at: place(of: id))
    case .held: heldCount += 1
    case .deferred, .running, .stopping, .orphaned, .recording: engaged.insert(id)
    }
    if job.summary.kind == "train" { makers[job.summary.name, default: []].insert(id) }
  }

  private mutating func forget(_ job: ActiveJob) {
    let id = job.summary.id
    switch job.phase {
    case .queued: queued.remove(at: place(of: id))
    case .held: heldCount -= 1
    case .deferred, .running, .stopping, .orphaned, .recording: engaged.remove(id)
    }
    guard job.summary.kind == "train" else { return }
    makers[job.summary.name]?.remove(id)
    if makers[job.summary.name]?.isEmpty == true { makers[job.summary.name] = nil }
  }

  /// Where `id` is, or belongs, among the queued.
  private func place(of id: Int) -> Int {
    var (low, high) = (0, queued.count)
    while low < high {
      let middle = (low + high) / 2
      if queued[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
