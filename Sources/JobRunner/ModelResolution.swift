import DurableIO
import Jobs

/// From a job's reference to a model to the folder it means. Other jobs are siblings:
/// `jobs/ID/results/` is a model folder once the train job ID is done.
enum ModelResolution {
  /// The folder that `reference` means now.
  ///
  /// - key: where in the job file it stands, such as `$.model`.
  static func path(
    of reference: ModelReference, at key: String, from directory: JobDirectory
  ) throws(JobFailure) -> String {
    let slash = directory.path.lastIndex(of: "/") ?? directory.path.startIndex
    let jobs = String(directory.path[..<slash])
    switch reference {
    case .path(let path):
      return path
    case .job(let id):
      let job = JobDirectory(path: "\(jobs)/\(id)")
      guard let spec = spec(of: job) else {
        throw .failed(reason: "\(key).job: there is no job \(id)")
      }
      guard case .train = spec.work else {
        throw .failed(
          reason: "\(key).job: job \(id) is \(spec.kindWithArticle) job; a train job is needed")
      }
      guard try attempt({ try ResultsFolder.isPublished(job) }) else {
        throw .failed(reason: "\(key).job: job \(id) \(fate(of: job))")
      }
      return job.results
    case .jobNamed(let name):
      return try results(ofJobNamed: name, at: key, in: jobs, for: directory)
    }
  }

  /// The results of the newest finished train job of that name.
  private static func results(
    ofJobNamed name: String, at key: String, in jobs: String, for asking: JobDirectory
  ) throws(JobFailure) -> String {
    let ids = try attempt { try Directory.names(in: jobs) }.compactMap { Int($0) }
    // What there is of that name instead, newest first.
    var unfinished: [String] = []
    var others: [String] = []
    for id in ids.sorted(by: >) {
      let job = JobDirectory(path: "\(jobs)/\(id)")
      guard job != asking, let spec = spec(of: job), spec.name == name else { continue }
      guard case .train = spec.work else {
        others.append("job \(id) is \(spec.kindWithArticle) job")
        continue
      }
      if try attempt({ try ResultsFolder.isPublished(job) }) { return job.results }
      unfinished.append("job \(id) \(fate(of: job))")
    }
    let found = (unfinished + others).first ?? "no other job has that name"
    throw .failed(reason: "\(key).job: no finished train job is named \"\(name)\"; \(found)")
  }

  private static func spec(of job: JobDirectory) -> JobSpec? {
    guard let bytes = try? readFile(job.job) else { return nil }
    return try? Envelope.parse(bytes).spec
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
