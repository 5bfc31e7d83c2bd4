/// What a job file asks for, validated: `{"schema": "ddpm.job/1", "kind": …}`.
public struct JobSpec: Equatable, Sendable {
  /// The value of the key `schema` that this version reads.
  public static let schema = "ddpm.job/1"

  /// Shown in lists; `[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`.
  public var name: String
  /// The key of every random number that the job draws.
  public var seed: UInt64
  /// How the job stands in the queue.
  public var queue = QueueSpec()
  /// What is to be done.
  public var work: Work

  /// The job's kind with the sections that belong to it.
  public enum Work: Equatable, Sendable {
    case train(TrainSpec)
    case sample(SampleSpec)
    case evaluate(EvaluateSpec)

    /// The model that the job reads, which another job may still be making.
    public var model: ModelReference? {
      switch self {
      case .train(let spec): spec.initial
      case .sample(let spec): spec.model
      case .evaluate(let spec): spec.model
      }
    }

    /// The most threads that the job is to use; nil: as many as it may.
    public var threads: Int? {
      switch self {
      case .train(let spec): spec.training.threads
      case .sample(let spec): spec.threads
      case .evaluate(let spec): spec.threads
      }
    }
  }

  /// A job.
  public init(name: String, seed: UInt64, work: Work) {
    self.name = name
    self.seed = seed
    self.work = work
  }
}
