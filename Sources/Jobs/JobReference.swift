import StrictJSON

/// A job as people name it: its number, or its name.
///
/// Names made of digits only are not allowed, so the two cannot be mistaken for each other.
public enum JobReference: Hashable, Sendable, CustomStringConvertible {
  /// The number that admission gave.
  case number(Int)
  /// The name in the job file; several jobs may share it.
  case name(String)

  /// Reads a number or a name; nil for what is neither.
  public init?(_ text: String) {
    if let number = Int(text), number > 0 {
      self = .number(number)
    } else if JobSpec.isValidName(text) {
      self = .name(text)
    } else {
      return nil
    }
  }

  /// The number or the name.
  public var description: String {
    switch self {
    case .number(let id): "\(id)"
    case .name(let name): name
    }
  }

  static let codec = JSONCodec<JobReference>(
    allowed: "a job's number or name",
    schema: [
      "anyOf": [
        .object(JSONCodec.integer(1...Int.max).schema), .object(JobSpec.nameCodec.schema),
      ]
    ],
    recognize: { json in
      if let id = json.int, id > 0 { return .number(id) }
      guard let name = json.string, JobSpec.isValidName(name) else { return nil }
      return .name(name)
    },
    encode: { reference in
      switch reference {
      case .number(let id): .integer(id)
      case .name(let name): .string(name)
      }
    })
}
