/// A job's state: the name of the directory its queue entry is in.
public enum JobState: String, CaseIterable, Codable, Sendable {
  case queued, running, deferred, held, done, failed, cancelled

  /// Whether the job will never run again by itself.
  public var isFinal: Bool { self == .done || self == .failed || self == .cancelled }
}
