public import DurableIO

/// Something that could not be cleared away. It holds up nothing else, and is tried again when the
/// daemon looks for what is old the next time, or starts.
public struct RemovalTrouble: Equatable, Sendable, CustomStringConvertible {
  /// What stays: "job 5".
  public let subject: String
  /// The job that it is.
  public let job: Int?
  private let error: SystemError

  /// Trouble with a job.
  public init(job: Int, _ error: SystemError) { self.init("job \(job)", job: job, error) }

  /// Trouble with something else.
  public init(_ subject: String, job: Int? = nil, _ error: SystemError) {
    self.subject = subject
    self.job = job
    self.error = error
  }

  /// One sentence.
  public var description: String { "cannot clear away \(subject): \(error)" }
}
