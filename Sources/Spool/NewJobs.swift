import DurableIO
import Jobs

/// A claimed file whose job is written down, but not in the queue yet.
struct NewJob {
  let claim: ClaimName
  let envelope: Envelope
  let entry: QueueEntry
  let state: JobState
}

extension Admission {
  /// What became of a claimed job.
  enum Preparation {
    case prepared(NewJob)
    case settled(Outcome)
    case refused(String)
  }

  /// Jobs that get into the queue together, and if they are many also onto the disk, so that ten
  /// thousand files need not wait for the disk ten times each. A few do not wait for all that others
  /// have written to that disk.
  ///
  /// A job exists from the moment that its entry is in the queue, and it comes there only when all
  /// of it is on the disk. Until then, and until its claim is gone, a crash leaves the claim to be
  /// settled again.
  struct NewJobs {
    private let layout: SpoolLayout
    /// Nil for a few jobs, whose files are synced one by one as they are written.
    private let sync: FileSystemSync?
    private(set) var jobs: [NewJob] = []

    /// How many jobs are few.
    static let few = 8

    /// To be made before any of the jobs, at most `count`, is prepared.
    init(_ layout: SpoolLayout, count: Int) throws(SystemError) {
      self.layout = layout
      sync = count > Self.few ? try FileSystemSync(layout.jobs) : nil
    }

    /// Whether the files of a job are to be synced one by one.
    var syncsEachFile: Bool { sync == nil }

    /// Whether what becomes of a job depends on one that is among these.
    func concern(_ job: SubmittedJob) -> Bool {
      let key = job.spec.queue.idempotencyKey
      return !jobs.isEmpty && !job.spec.queue.after.isEmpty
        || key != nil && jobs.contains { $0.envelope.spec.queue.idempotencyKey == key }
    }

    mutating func append(_ job: NewJob) { jobs.append(job) }

    /// Enters all jobs, and takes them out of here. What fails for one does not hold up others; its
    /// claim stays.
    mutating func enter(_ admission: Admission) -> [Outcome] {
      defer { jobs = [] }
      if jobs.isEmpty { return [] }
      do {
        try sync?.finish()
      } catch {
        return jobs.map { .blocked(name: $0.claim.name, reason: error.description) }
      }
      var failures: [Int: SystemError] = [:]
      func attempt(
        _ group: [NewJob], _ body: (NewJob) throws(SystemError) -> Void
      ) {
        for job in group where failures[job.entry.id] == nil {
          do {
            try body(job)
          } catch {
            failures[job.entry.id] = error
          }
        }
      }
      attempt(jobs) { job throws(SystemError) in
        try admission.queue.enter(job.entry.id, in: job.state)
      }
      for state in Set(jobs.map(\.state)) {
        let result = Result { () throws(SystemError) in try Directory.sync(layout.queue(state)) }
        attempt(jobs.filter { $0.state == state }) { _ throws(SystemError) in try result.get() }
      }
      attempt(jobs) { job throws(SystemError) in
        try admission.finish(job.claim, job: job.entry.id, synced: false)
      }
      try? Directory.sync(layout.claim)
      return jobs.map { job in
        failures[job.entry.id].map {
          .blocked(name: job.claim.name, reason: $0.description)
        } ?? .admitted(job.envelope, job.entry, in: job.state)
      }
    }
  }
}
