import DurableIO
import Jobs

/// From a job's reference to a model to the folder it means. Other jobs are siblings:
/// `jobs/ID/results/` is a model folder once the train job ID is done.
enum ModelResolution {
  /// The folder that `reference` means now.
  static func path(
    of reference: ModelReference, from directory: JobDirectory
  ) throws(JobFailure) -> String {
    let slash = directory.path.lastIndex(of: "/") ?? directory.path.startIndex
    let jobs = directory.path[..<slash]
    switch reference {
    case .path(let path):
      return path
    case .job(let id):
      let job = JobDirectory(path: "\(jobs)/\(id)")
      guard let envelope = envelope(of: job) else {
        throw .failed(reason: "$.model.job: there is no job \(id)")
      }
      guard case .train = envelope.spec.work else {
        throw .failed(
          reason: "$.model.job: job \(id) is a sample job; a train job is needed")
      }
      guard try attempt({ try ResultsFolder.isPublished(job) }) else {
        throw .failed(
          reason: "$.model.job: job \(id) has no results; submit this job again when it is done")
      }
      return job.results
    case .jobNamed(let name):
      let ids = try attempt { try Directory.names(in: String(jobs)) }.compactMap { Int($0) }
      for id in ids.sorted(by: >) {
        let job = JobDirectory(path: "\(jobs)/\(id)")
        guard try attempt({ try ResultsFolder.isPublished(job) }), let envelope = envelope(of: job),
          case .train = envelope.spec.work, envelope.spec.name == name
        else { continue }
        return job.results
      }
      throw .failed(reason: "$.model.job: no finished train job is named \"\(name)\"")
    }
  }

  private static func envelope(of job: JobDirectory) -> Envelope? {
    guard let bytes = try? readFile(job.job) else { return nil }
    return try? Envelope.parse(bytes)
  }
}
