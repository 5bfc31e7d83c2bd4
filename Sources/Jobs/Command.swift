public import StrictJSON

/// What a command file asks of the daemon: `{"schema": "ddpm.command/1", "command": …}`.
///
/// Commands are taken in as job files are, so they work while the daemon is down, and a command
/// that was accepted is not lost. Giving one twice is as good as giving it once.
public enum Command: Equatable, Sendable {
  /// The value of the key `schema` that this version reads.
  public static let schema = "ddpm.command/1"

  /// About one job: for its submitter and for administrators.
  case job(Int, JobCommand)
  /// About the whole queue: for administrators.
  case queue(QueueCommand)

  /// Reads a command that is JSON already.
  public init(json: JSONValue) throws(JSONContentError) { self = try Command.codec.decode(json) }

  /// The command as its file holds it.
  public var json: JSONValue { Command.codec.encode(self) }
}

/// What can be asked about a job.
public enum JobCommand: Equatable, Sendable {
  /// Ends a job that is not over yet; a running one is stopped at its next step.
  case cancel
  /// Keeps a job from running until it is released; a running one is stopped at its next step,
  /// with a checkpoint.
  case hold
  /// Lets a held job run again.
  case release
  /// Runs a job again that has failed or was cancelled, from its newest checkpoint; and one that
  /// waits for its next try at once.
  case retry
  /// Changes what runs first: higher numbers before lower ones.
  case prioritize(Int)
  /// Gives a train job more steps: so many in all. One that is over goes on from its last step.
  case extend(steps: Int)
  /// Makes a job another one; of one that has run, only what does not change its results.
  case edit(ReplacementJob)
  /// Removes a job that is over, with all its files.
  case remove
}

extension JobCommand: CustomStringConvertible {
  /// The command in a few words.
  public var description: String {
    switch self {
    case .cancel: "cancel"
    case .hold: "hold"
    case .release: "release"
    case .retry: "retry"
    case .prioritize(let priority): "priority \(priority)"
    case .extend(let steps): "extend to \(steps) steps"
    case .edit: "edit"
    case .remove: "remove"
    }
  }
}

/// What a job becomes when it is edited.
public struct ReplacementJob: Equatable, Sendable {
  /// The job.
  public let spec: JobSpec
  /// The same as its file says it.
  public let json: JSONValue

  /// - json: The JSON that `spec` was read from.
  public init(spec: JobSpec, json: JSONValue) {
    self.spec = spec
    self.json = json
  }

  static let codec = JSONCodec<ReplacementJob>(
    allowed: "a job", schema: ["type": "object"],
    decode: { json, path throws(JSONContentError) in
      if json["array"] != nil {
        throw JSONContentError(path.appending("array"), "an edited job is one job")
      }
      return ReplacementJob(spec: try JobSpec(json: json, at: path), json: json)
    },
    encode: { $0.json })
}

/// What can be asked about the whole queue.
public enum QueueCommand: Equatable, Sendable {
  /// Starts no job until the queue is resumed; what runs goes on.
  case pause
  /// Starts jobs again.
  case resume
}

// MARK: - JSON

extension Command {
  /// The values of the key `command`.
  private enum Verb: String, CaseIterable {
    case cancel, hold, release, retry, priority, extend, edit, remove, pause, resume

    var title: String {
      switch self {
      case .cancel: "Cancel a job"
      case .hold: "Hold a job"
      case .release: "Release a held job"
      case .retry: "Run a job again"
      case .priority: "Change a job's priority"
      case .extend: "Give a train job more steps"
      case .edit: "Exchange the file of a job"
      case .remove: "Remove a job"
      case .pause: "Pause the queue"
      case .resume: "Resume the queue"
      }
    }

    /// The keys besides `schema` and `command`.
    var fields: [Field<Keys>] {
      let job = Field<Keys>(
        "job", \.job, .integer(1...Int.max), required: true, "The job's number.")
      return switch self {
      case .cancel, .hold, .release, .retry, .remove: [job]
      case .priority:
        [job, Field("priority", \.priority, .priority, required: true, "The new priority.")]
      case .extend:
        [job, Field("steps", \.steps, .trainingSteps, required: true, "The steps in all.")]
      case .edit:
        [
          job,
          Field(
            "file", \.file, ReplacementJob.codec, required: true, "The new job file."),
        ]
      case .pause, .resume: []
      }
    }
  }

  /// The keys of all commands.
  private struct Keys: Sendable {
    var verb: Verb
    var job = 0
    var priority = 0
    var steps = 0
    var file = ReplacementJob(spec: JobSpec(name: "", seed: 0, work: .train(.unset)), json: [:])
  }

  private static let codec: JSONCodec<Command> = JSONCodec<Keys>.variant(
    by: "command",
    Verb.allCases.map { verb in
      (
        verb.rawValue,
        ObjectCodec(
          verb.title, defaults: Keys(verb: verb),
          fields: [
            .constant("schema", .string(schema), required: true, "The version of the format."),
            .constant("command", .string(verb.rawValue), required: true, "The command."),
          ] + verb.fields)
      )
    },
    kind: { $0.verb.rawValue }
  ).map(
    to: { keys, _ throws(JSONContentError) in Command(keys) },
    from: { $0.keys })

  private init(_ keys: Keys) {
    switch keys.verb {
    case .cancel: self = .job(keys.job, .cancel)
    case .hold: self = .job(keys.job, .hold)
    case .release: self = .job(keys.job, .release)
    case .retry: self = .job(keys.job, .retry)
    case .priority: self = .job(keys.job, .prioritize(keys.priority))
    case .extend: self = .job(keys.job, .extend(steps: keys.steps))
    case .edit: self = .job(keys.job, .edit(keys.file))
    case .remove: self = .job(keys.job, .remove)
    case .pause: self = .queue(.pause)
    case .resume: self = .queue(.resume)
    }
  }

  private var keys: Keys {
    switch self {
    case .job(let job, .cancel): Keys(verb: .cancel, job: job)
    case .job(let job, .hold): Keys(verb: .hold, job: job)
    case .job(let job, .release): Keys(verb: .release, job: job)
    case .job(let job, .retry): Keys(verb: .retry, job: job)
    case .job(let job, .prioritize(let priority)):
      Keys(verb: .priority, job: job, priority: priority)
    case .job(let job, .extend(let steps)): Keys(verb: .extend, job: job, steps: steps)
    case .job(let job, .edit(let file)): Keys(verb: .edit, job: job, file: file)
    case .job(let job, .remove): Keys(verb: .remove, job: job)
    case .queue(.pause): Keys(verb: .pause)
    case .queue(.resume): Keys(verb: .resume)
    }
  }
}
