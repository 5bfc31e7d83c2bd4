import ModelConfig
public import StrictJSON

// The job file: what a person writes, read strictly, and written with every default filled in.

extension JobSpec {
  /// Reads the bytes of a job file.
  ///
  /// Throws: that the text is incomplete or malformed, or everything in it that is not allowed.
  public static func parse(_ bytes: [UInt8]) throws(JobFileError) -> JobSpec {
    let json = try JobFileError.parsing(bytes)
    do {
      return try JobSpec(json: json)
    } catch {
      throw .invalid(error)
    }
  }

  /// Reads a job that is JSON already and stands at `path`.
  public init(json: JSONValue, at path: JSONPath = .root) throws(JSONContentError) {
    do throws(JSONContentError) {
      self = try JobSpec.codec.decode(json, at: path)
    } catch {
      // A key in the wrong section is looked for in the sections of its own kind of job.
      let sections = JobSpec.codec.schema["oneOf"]?.array?.first {
        $0["properties"]?["kind"]?["enum"]?.array?.first == json["kind"]
      }
      throw error.locatingKeys(in: sections ?? [:], at: path)
    }
  }

  /// The job with every default filled in; reads back as the same job.
  public var json: JSONValue { JobSpec.codec.encode(self) }

  /// The kind of job: `train`, `sample` or `evaluate`.
  public var kind: String {
    switch work {
    case .train: "train"
    case .sample: "sample"
    case .evaluate: "evaluate"
    }
  }

  /// What a job file may say, as JSON Schema (draft 2020-12).
  public static let schemaDocument: JSONValue = {
    var document = JSONObject(
      [
        ("$schema", "https://json-schema.org/draft/2020-12/schema"),
        ("title", "Job file of ddpmd"),
      ] + codec.schema.members)
    // A file can be several jobs, of which each is read without that key.
    document["oneOf"] = .array(
      (document["oneOf"]?.array ?? []).map { kind in
        guard var kind = kind.object, var properties = kind["properties"]?.object else {
          preconditionFailure("a kind of job is an object with properties")
        }
        properties["array"] = JobArray.schema
        kind["properties"] = .object(properties)
        return .object(kind)
      })
    return .object(document)
  }()

  /// Whether a job may be called `name`: `[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`, not digits only.
  public static func isValidName(_ name: String) -> Bool {
    let utf8 = name.utf8
    return (1...64).contains(utf8.count) && utf8.first.map(isAlphanumeric) == true
      && utf8.allSatisfy { isAlphanumeric($0) || "_.-".utf8.contains($0) }
      && !utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: false
    }
  }

  static let nameCodec = JSONCodec.string(
    allowed: "a name: 1 to 64 letters, digits, '_', '.' and '-', not digits only, "
      + "beginning with a letter or digit",
    pattern: "^(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", matches: isValidName)

  // MARK: The keys

  private static let codec: JSONCodec<JobSpec> = .variant(
    by: "kind",
    [("train", trainCodec), ("sample", sampleCodec), ("evaluate", evaluateCodec)],
    kind: { $0.kind })

  private static let trainCodec = ObjectCodec(
    "Train a model", defaults: JobSpec(name: "", seed: 0, work: .train(.unset)),
    fields: header(kind: "train") + [
      Field("dataset", \.train.dataset, DatasetSpec.codec.codec, required: true, "The images."),
      Field(
        "init", \.train.initial, omittingNil: ModelReference.codec,
        "The model whose weights training starts from; without it they are drawn."),
      Field(
        "unet", \.train.unet, omittingNil: UNetConfig.codec.codec, requiredUnless: "init",
        "The network. That of init where it is left out; else it must agree, but for dropout."),
      Field(
        "scheduler", \.train.scheduler, omittingNil: SchedulerConfig.codec.codec,
        requiredUnless: "init",
        "The noise schedule. That of init where it is left out; else what the network predicts "
          + "must agree."),
      Field("loss", \.train.loss, LossSpec.codec, "What is minimised."),
      Field("optimizer", \.train.optimizer, OptimizerSpec.codec.codec, "Adam and its settings."),
      Field("ema", \.train.ema, EMASpec.codec.codec, "The moving average of the weights."),
      Field(
        "training", \.train.training, TrainingSpec.codec.codec, required: true, "The loop's length."
      ),
      Field(
        "holdout", \.train.holdout, omittingNil: HoldoutSpec.codec,
        "Images that are never trained on, to choose the best checkpoint by."),
    ],
    rules: { job, report in
      job.train.checkClasses(report)
      if let holdout = job.train.holdout, holdout.every == nil, job.train.training.previewEvery == 0
      {
        report(
          "holdout",
          "when to score is missing: add \"every\", or \"preview_every\" to $.training")
      }
      guard let scheduler = job.train.scheduler else { return }
      if let problem = job.train.unet?.outputProblem(with: scheduler) {
        report("unet.out_channels", problem)
      }
      if let problem = job.train.loss.problem(with: scheduler) { report("loss.type", problem) }
    })

  private static let sampleCodec = ObjectCodec(
    "Draw images from a model", defaults: JobSpec(name: "", seed: 0, work: .sample(.unset)),
    fields: header(kind: "sample") + [
      Field("model", \.sample.model, ModelReference.codec, required: true, "The trained model."),
      Field(
        "count", \.sample.count, .integer(1...10_000_000), required: true,
        "Number of images; in an interpolation, of each row."),
      Field(
        "batch_size", \.sample.batchSize, .integer(1...65536),
        "Images drawn between two checkpoints. Does not change the result."),
      Field("sampler", \.sample.sampler, SamplerSpec.codec, "How noise becomes an image."),
      Field(
        "classes", \.sample.classes, ClassSelection.codec,
        "What the images show, of a class-conditional model: image i shows element i mod n of this "
          + "list of class names and numbers; \"all\" lists every class."),
      Field(
        "guidance", \.sample.guidance, GuidanceSpec.codec.codec,
        "How strongly they show it: classifier-free guidance, for models with a null class."),
      Field(
        "initial_noise", \.sample.initialNoise, .optional(.absolutePath),
        "A .npy file of float32, count×C×H×W, to start from instead of the seed's noise."),
      Field("task", \.sample.task, SampleTask.codec, "What the chains begin from."),
      Field("output", \.sample.output, OutputSpec.codec.codec, "What the results hold."),
      Field(
        "neighbours", \.sample.neighbours, omittingNil: NeighboursSpec.codec.codec,
        "Pictures the training images that are most like the first samples."),
      Field("threads", \.sample.threads, .threads, JSONCodec.threadsDocumentation),
    ],
    rules: { job, report in job.sample.checkTask(report) })

  private static let evaluateCodec = ObjectCodec(
    "Measure a model's likelihood",
    defaults: JobSpec(name: "", seed: 0, work: .evaluate(.unset)),
    fields: header(kind: "evaluate") + [
      Field("model", \.evaluate.model, ModelReference.codec, required: true, "The trained model."),
      Field("dataset", \.evaluate.dataset, DatasetSpec.codec.codec, required: true, "The images."),
      Field(
        "weights", \.evaluate.weights, .optional(.array(of: .choice, count: 1...2)),
        "Of a train job's model: the average, the plain weights in raw/, or both; null takes what "
          + "there is."),
      Field(
        "budget", \.evaluate.budget, EvaluationBudget.codec.codec,
        "Where to end before the data set does."),
      Field(
        "timesteps", \.evaluate.timesteps, .optional(.integer(2...100_000)),
        "Timesteps at which an image is scored, drawn from as many parts of the chain: an unbiased "
          + "estimate; null scores all of them, which is exact."),
      Field(
        "batch_size", \.evaluate.batchSize, .integer(1...65536),
        "Images read and scored together. Does not change the result."),
      Field("threads", \.evaluate.threads, .threads, JSONCodec.threadsDocumentation),
    ],
    rules: { job, report in job.evaluate.checkRules(report) })

  private static func header(kind: JSONValue) -> [Field<JobSpec>] {
    [
      .constant("schema", .string(schema), required: true, "The version of the format."),
      .ignored("$schema", "For editors: where the JSON Schema of job files is."),
      .constant("kind", kind, required: true, "The kind of job."),
      Field("name", \.name, nameCodec, required: true, "Shown in lists; may be used again."),
      Field("seed", \.seed, .uint64, "The key of every random number that the job draws."),
      Field("queue", \.queue, QueueSpec.codec.codec, "How the job stands in the queue."),
    ]
  }

  private var train: TrainSpec {
    get { if case .train(let spec) = work { spec } else { .unset } }
    set { work = .train(newValue) }
  }

  private var sample: SampleSpec {
    get { if case .sample(let spec) = work { spec } else { .unset } }
    set { work = .sample(newValue) }
  }

  private var evaluate: EvaluateSpec {
    get { if case .evaluate(let spec) = work { spec } else { .unset } }
    set { work = .evaluate(newValue) }
  }
}
