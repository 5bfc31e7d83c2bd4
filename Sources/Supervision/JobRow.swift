/// A job as the table keeps it: what jobs in a long queue differ in, and the rest, which those of one
/// kind mostly have in common and then share.
struct JobRow: Sendable {
  private let name: String
  private let priority: Int
  /// May be exchanged for an equal one.
  var rest: Rest

  /// A job without its number, name and priority.
  final class Rest: Sendable {
    let job: ActiveJob

    init(_ job: ActiveJob) { self.job = job }
  }

  init(_ job: ActiveJob) {
    name = job.summary.name
    priority = job.summary.priority
    var rest = job
    rest.summary.id = 0
    rest.summary.name = ""
    rest.summary.priority = 0
    self.rest = Rest(rest)
  }

  /// The whole job.
  func job(_ id: Int) -> ActiveJob {
    var job = rest.job
    job.summary.id = id
    job.summary.name = name
    job.summary.priority = priority
    return job
  }
}
