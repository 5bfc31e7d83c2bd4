import ModelConfig
import StrictJSON

// The sections of a train job in JSON.

extension TrainSpec {
  /// What the sections that a file must state hold before they are read.
  static let unset = TrainSpec(
    dataset: DatasetSpec(format: .idx, path: ""), unet: nil, scheduler: nil,
    training: TrainingSpec(batchSize: 0, steps: 0))
}

extension DatasetSpec {
  static let codec = ObjectCodec(
    "Data set", defaults: TrainSpec.unset.dataset,
    fields: [
      Field(
        "type", \.format, .choice, required: true,
        "The format: an IDX file (gzip or not), a folder of PNG and JPEG images, CIFAR-10's "
          + "binary batches, or a .npy array of uint8 N×H×W×C."),
      Field("path", \.path, .absolutePath, required: true, "The file or folder."),
      Field(
        "horizontal_flip", \.horizontalFlip, .bool,
        "Mirrors each image left to right with probability ½."),
      Field(
        "limit", \.limit, .optional(.integer(1...Int(Int32.max))),
        "Only the first so many images are used."),
    ])
}

extension OptimizerSpec {
  static let codec = ObjectCodec(
    "Optimizer", defaults: OptimizerSpec(),
    fields: [
      Field("type", \.algorithm, .choice, "Adam or AdamW."),
      Field(
        "learning_rate", \.learningRate, .number(above: 0, atMost: 1),
        "The learning rate after warm-up."),
      Field(
        "betas", \.betas, .array(of: .number(atLeast: 0, below: 1), count: 2...2),
        "Decay of the averages of the gradient and of its square."),
      Field("epsilon", \.epsilon, .number(above: 0, below: 1), "Added to the denominator."),
      Field(
        "weight_decay", \.weightDecay, .number(atLeast: 0, atMost: 1),
        "Decoupled with AdamW, added to the gradient with Adam."),
      Field(
        "warmup_steps", \.warmupSteps, .integer(0...TrainingSpec.mostSteps),
        "Steps over which the learning rate rises linearly from 0."),
      Field(
        "gradient_clipping", \.gradientClipping, .optional(.number(above: 0)),
        "The gradient's global L2 norm is clipped to this; null leaves it alone."),
    ])
}

extension EMASpec {
  static let codec = ObjectCodec(
    "Exponential moving average of the weights", defaults: EMASpec(),
    fields: [
      Field("enabled", \.enabled, .bool, "Whether the average is kept, and is the result."),
      Field(
        "decay", \.decay, .number(atLeast: 0, below: 1),
        "The decay at step n is min(decay, (1 + n) / (10 + n))."),
    ])
}

extension TrainingSpec {
  /// Steps are counted in 32 bits by the random number generator.
  static let mostSteps = 1_000_000_000

  static let codec = ObjectCodec(
    "Training loop", defaults: TrainSpec.unset.training,
    fields: [
      Field(
        "batch_size", \.batchSize, .integer(1...65536), required: true, "Images in a step's batch."),
      Field(
        "steps", \.steps, .integer(1...mostSteps), required: true, "Number of optimizer steps."),
      Field(
        "checkpoint_every", \.checkpointEvery, .integer(1...mostSteps),
        "Steps from one checkpoint to the next."),
      Field(
        "preview_every", \.previewEvery, .integer(0...mostSteps),
        "Steps from one grid of preview samples to the next; 0 draws none."),
      Field("threads", \.threads, .threads, JSONCodec.threadsDocumentation),
      Field(
        "shards", \.shards, .optional(.integer(1...1024)),
        "Parts a batch is cut into. Decides the result's last bits and how many threads can help; "
          + "null chooses from the batch size."),
    ],
    rules: { training, report in
      if let shards = training.shards, shards > training.batchSize {
        report(
          "shards", "found \(shards), allowed is at most batch_size, \(training.batchSize)")
      }
    })
}

extension JSONCodec<Int?> {
  /// The key `threads` of a job.
  static let threads = JSONCodec.optional(.integer(1...1024))
  static let threadsDocumentation =
    "Threads of the worker, which do not change the result; null takes all the daemon allows."
}
