public import StrictJSON

/// What a command file asks of the daemon: `{"schema": "ddpm.command/1", "command": …}`.
public enum Command: Equatable, Sendable {
  /// The value of the key `schema` that this version reads.
  public static let schema = "ddpm.command/1"

  /// Ends a job that is not over yet; a running one is stopped at its next step.
  case cancel(job: Int)

  /// Reads a command that is JSON already.
  public init(json: JSONValue) throws(JSONContentError) { self = try Command.codec.decode(json) }

  /// The command as its file holds it.
  public var json: JSONValue { Command.codec.encode(self) }

  /// The job that the command is about.
  public var job: Int {
    get {
      switch self {
      case .cancel(let job): job
      }
    }
    set {
      switch self {
      case .cancel: self = .cancel(job: newValue)
      }
    }
  }

  private static let codec: JSONCodec<Command> = .variant(
    by: "command",
    [
      (
        "cancel",
        ObjectCodec(
          "Cancel a job", defaults: .cancel(job: 0),
          fields: [
            .constant("schema", .string(schema), required: true, "The version of the format."),
            .constant("command", "cancel", required: true, "The command."),
            Field("job", \.job, .integer(1...Int.max), required: true, "The job's number."),
          ])
      )
    ],
    kind: { command in
      switch command {
      case .cancel: "cancel"
      }
    })
}
