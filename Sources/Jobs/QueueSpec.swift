public import StrictJSON

/// How a job stands in the queue: the section `queue` of a job file. Nothing in it changes what
/// the job computes.
public struct QueueSpec: Equatable, Sendable {
  /// Jobs of higher priority start first; those of one priority in the order of their numbers.
  public var priority = 0
  /// Whether the job waits to be released.
  public var hold = false

  /// The defaults.
  public init() {}

  static let codec = ObjectCodec(
    "Place in the queue", defaults: QueueSpec(),
    fields: [
      Field(
        "priority", \.priority, .priority,
        "Jobs of higher priority start first; those of one priority in the order of their numbers."),
      Field("hold", \.hold, .bool, "Whether the job waits until somebody releases it."),
    ])
}

extension JSONCodec<Int> {
  /// A job's priority.
  public static let priority = JSONCodec.integer(-1000...1000)
}
