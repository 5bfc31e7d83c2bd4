import DurableIO
import GuardedFiles
import Jobs

/// From a job's reference to a model to the folder it means. Other jobs are siblings:
/// `jobs/ID/results/` is a model folder once the train job ID is done.
///
/// Everybody may use the results of the jobs that he has submitted, and of others' as far as the
/// modes of the files let him, which is how they can be read without ddpmd, too. `data_roots` is
/// about data that come from elsewhere.
struct ModelResolution {
  /// The job that asks.
  private let asking: JobDirectory
  private let access: FileAccess
  /// The folder of all jobs.
  private let jobs: String

  /// - access: what may be read of what the asking job names.
  init(_ asking: JobDirectory, _ access: FileAccess) {
    self.asking = asking
    self.access = access
    let slash = asking.path.lastIndex(of: "/") ?? asking.path.startIndex
    jobs = String(asking.path[..<slash])
  }

  /// What may be read of the model at `path`, which is what `reference` meant when it was resolved.
  func access(to reference: ModelReference, at path: String) -> FileAccess {
    if case .path = reference { return access }
    let job = path.lastIndex(of: "/").map { JobDirectory(path: String(path[..<$0])) }
    return access.toResults(of: job.flatMap(Self.envelope)?.submitter)
  }

  /// The folder that `reference` means now.
  ///
  /// - key: where in the job file it stands, such as `$.model`.
  func path(of reference: ModelReference, at key: String) throws(JobFailure) -> String {
    switch reference {
    case .path(let path):
      return path
    case .job(let id):
      let job = JobDirectory(path: "\(jobs)/\(id)")
      guard let envelope = Self.envelope(of: job) else {
        throw .failed(reason: "\(key).job: there is no job \(id)")
      }
      guard case .train = envelope.spec.work else {
        throw .failed(
          reason: "\(key).job: job \(id) is \(envelope.spec.kindWithArticle) job; a train job is"
            + " needed")
      }
      guard try attempt({ try ResultsFolder.isPublished(job) }) else {
        throw .failed(reason: "\(key).job: job \(id) \(Self.fate(of: job))")
      }
      do {
        try checkAccess(to: job, of: envelope)
      } catch {
        throw error.at("\(key).job")
      }
      return job.results
    case .jobNamed(let name):
      return try results(ofJobNamed: name, at: key)
    }
  }

  /// The results of the newest finished train job of that name that was submitted before the asking
  /// job and may be read. A later one is not meant, however early it ran: the results must not depend
  /// on the order in which jobs run.
  private func results(ofJobNamed name: String, at key: String) throws(JobFailure) -> String {
    let ids = try attempt { try Directory.names(in: jobs) }.compactMap { Int($0) }
    // What there is of that name instead, newest first.
    var unfinished: [String] = []
    var others: [String] = []
    for id in ids.sorted(by: >) where asking.id.map({ id < $0 }) ?? true {
      let job = JobDirectory(path: "\(jobs)/\(id)")
      guard let envelope = Self.envelope(of: job), envelope.spec.name == name else { continue }
      guard case .train = envelope.spec.work else {
        others.append("job \(id) is \(envelope.spec.kindWithArticle) job")
        continue
      }
      guard try attempt({ try ResultsFolder.isPublished(job) }) else {
        unfinished.append("job \(id) \(Self.fate(of: job))")
        continue
      }
      do {
        try checkAccess(to: job, of: envelope)
        return job.results
      } catch .failed(let reason) {
        unfinished.append("job \(id) is: \(reason)")
      }
    }
    let found = (unfinished + others).first ?? "no other job has that name"
    throw .failed(reason: "\(key).job: no finished train job is named \"\(name)\"; \(found)")
  }

  private func checkAccess(to job: JobDirectory, of envelope: Envelope) throws(JobFailure) {
    _ = try attempt {
      try access.toResults(of: envelope.submitter).folder(job.results).entries()
    }
  }

  private static func envelope(of job: JobDirectory) -> Envelope? {
    guard let bytes = try? readFile(job.job) else { return nil }
    return try? Envelope.parse(bytes)
  }

  /// What has become of a train job that has no results, by the last of its events.
  private static func fate(of job: JobDirectory) -> String {
    let events = (try? AppendLog.lines(of: job.events)) ?? []
    switch events.reversed().lazy.compactMap({ JobEvent(line: $0) }).first?.kind {
    case .cancelling, .cancelled: return "was cancelled"
    case .failed: return "failed"
    case .timedOut: return "timed out"
    case .finished: return "has lost its results"
    case .started: return "is still running; submit this job again when it is done"
    case .admitted, .stopped, .crashed, .deferred, .held, .released, .retried, .extended,
      .edited, nil:
      return "is not done yet; submit this job again when it is"
    }
  }
}

extension JobSpec {
  /// "a sample", "an evaluate".
  fileprivate var kindWithArticle: String { "\(kind.first == "e" ? "an" : "a") \(kind)" }
}
