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
  /// The jobs that wait for another's model, by the number of that.
  private var waiting: [Int: Set<Int>] = [:]

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

  /// The last of the train jobs with that name and a number below `id` that have not ended.
  func newestMaker(of name: String, before id: Int) -> Int? {
    makers[name]?.filter { $0 < id }.max()
  }

  /// The jobs that wait for the model of job `id`, in the order of their numbers.
  func waiting(for id: Int) -> [Int] { waiting[id]?.sorted() ?? [] }

  private mutating func note(_ job: ActiveJob) {
    let id = job.summary.id
    switch job.phase {
    case .queued: queued.insert(id, at: place(of: id))
    case .held: heldCount += 1
    case .deferred, .running, .stopping, .orphaned, .recording: engaged.insert(id)
    }
    if job.summary.kind == "train" { makers[job.summary.name, default: []].insert(id) }
    if let maker = job.waitsFor { waiting[maker, default: []].insert(id) }
  }

  private mutating func forget(_ job: ActiveJob) {
    let id = job.summary.id
    switch job.phase {
    case .queued: queued.remove(at: place(of: id))
    case .held: heldCount -= 1
    case .deferred, .running, .stopping, .orphaned, .recording: engaged.remove(id)
    }
    if let maker = job.waitsFor {
      waiting[maker]?.remove(id)
      if waiting[maker]?.isEmpty == true { waiting[maker] = nil }
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
