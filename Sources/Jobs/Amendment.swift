public import StrictJSON

/// What was changed of a job after its admission: the content of `jobs/ID/amendment.json`.
///
/// The job as it was submitted stays as it is; whoever runs or shows it applies the amendment.
public struct Amendment: Equatable, Sendable {
  /// The value of the key `schema`.
  public static let schema = "ddpm.amendment/1"

  /// The steps of a train job, instead of those that its file asks for.
  public var steps: Int

  /// An amendment.
  public init(steps: Int) { self.steps = steps }

  /// Reads the content of `amendment.json`.
  ///
  /// Throws: as `JobSpec.parse` does.
  public init(parsing bytes: [UInt8]) throws(JobFileError) {
    let json = try JobFileError.parsing(bytes)
    do {
      self = try Amendment.codec.decode(json)
    } catch {
      throw .invalid(error)
    }
  }

  /// The content of `amendment.json`.
  public var json: JSONValue { Amendment.codec.encode(self) }

  /// The job as it is to be run.
  public func applied(to job: JobSpec) -> JobSpec {
    guard case .train(var train) = job.work else { return job }
    train.training.steps = steps
    var job = job
    job.work = .train(train)
    return job
  }

  private static let codec = ObjectCodec(
    "Amendment of a job", defaults: Amendment(steps: 1),
    fields: [
      .constant("schema", .string(schema), required: true, "The version of the format."),
      Field("steps", \.steps, .trainingSteps, required: true, "The steps of a train job."),
    ])
}

extension JSONCodec<Int> {
  /// A number of optimizer steps.
  public static let trainingSteps = JSONCodec.integer(1...TrainingSpec.mostSteps)
}
