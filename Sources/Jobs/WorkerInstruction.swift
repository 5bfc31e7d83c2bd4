import StrictJSON

/// What the daemon tells a running worker: one JSON object a line on the worker's standard input.
public enum WorkerInstruction: Equatable, Sendable {
  /// The job may use so many threads from its next step on.
  case threads(Int)

  /// The instruction as one line of JSON, without the line feed.
  public var line: String {
    switch self {
    case .threads(let count): (["threads": .integer(count)] as JSONValue).serialized()
    }
  }

  /// Reads a line; nil for one that makes no sense.
  public init?(line: String) {
    guard let json = try? JSONValue(parsing: line), json.object?.keys == ["threads"],
      let count = json["threads"]?.int, count > 0
    else { return nil }
    self = .threads(count)
  }
}
