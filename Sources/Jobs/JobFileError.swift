public import StrictJSON

/// Why a file in `drop/` is not a job or a command.
public enum JobFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The text ends too early: the file may be half-copied.
  case incomplete(JSONError)
  /// The text is not JSON, whatever follows.
  case malformed(JSONError)
  /// The text is JSON, but not one of ours.
  case invalid(JSONContentError)

  /// Whether more bytes could still make it a job.
  public var isIncomplete: Bool { if case .incomplete = self { true } else { false } }

  /// One problem a line, each with its place and what is allowed.
  public var description: String {
    switch self {
    case .incomplete(let error): "the file is incomplete: \(error)"
    case .malformed(let error): "the file is not JSON: \(error)"
    case .invalid(let error): error.description
    }
  }

  /// Reads the JSON in `bytes`.
  static func parsing(_ bytes: [UInt8]) throws(JobFileError) -> JSONValue {
    do {
      return try JSONValue(parsing: bytes)
    } catch {
      throw error.isIncomplete ? .incomplete(error) : .malformed(error)
    }
  }
}
