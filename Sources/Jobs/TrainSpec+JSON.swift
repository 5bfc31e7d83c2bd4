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
      Field(
        "labels", \.labels, .labelPlace,
        "Whether the network learns the images' classes. true takes them from where they usually "
          + "are: the labels beside an IDX file, the subfolders of a folder of images, CIFAR-10's "
          + "records; a path, from an IDX file of labels or a .npy file of integers."),
      Field(
        "class_names", \.classNames,
        .optional(.array(of: .string, count: 1...mostClasses)),
        "What the classes are called, in the order of their numbers; null takes the data set's own "
          + "names, or the numbers."),
    ],
    rules: { dataset, report in dataset.checkLabels(report) })

  /// The network's embedding has a row for each.
  private static let mostClasses = 1 << 16

  private func checkLabels(_ report: ObjectCodec<DatasetSpec>.Report) {
    switch (format, labels) {
    case (.npy, .usual):
      report(
        "labels", "found true, allowed is a path: a .npy file of integers, one for each image")
    case (.images, .file):
      report("labels", "found a path, allowed is true: an image's class is its subfolder")
    case (.cifar10, .file):
      report("labels", "found a path, allowed is true: the labels are in the batches")
    default: break
    }
    guard let classNames else { return }
    if labels == .absent {
      report("class_names", "found names, and \"labels\" is false: set it to read the classes")
    } else if format == .images {
      report("class_names", "allowed is null: classes are called as their subfolders")
    }
    for (index, name) in classNames.enumerated() {
      if name.isEmpty || classNames[..<index].contains(name) {
        report("class_names", "name \(index) is \(name.isEmpty ? "empty" : "given before")")
      }
    }
  }
}

extension JSONCodec<LabelPlace> {
  /// false, true or a path.
  fileprivate static let labelPlace = JSONCodec(
    allowed: "true, false or " + JSONCodec<String>.absolutePath.allowed,
    schema: ["anyOf": [["type": "boolean"], .object(JSONCodec<String>.absolutePath.schema)]],
    recognize: { json in
      if let isWanted = json.bool { return isWanted ? .usual : .absent }
      return (try? JSONCodec<String>.absolutePath.decode(json)).map { .file($0) }
    },
    encode: { place in
      switch place {
      case .absent: false
      case .usual: true
      case .file(let path): .string(path)
      }
    })
}

extension TrainSpec {
  /// Reports settings of classes that contradict each other.
  func checkClasses(_ report: ObjectCodec<JobSpec>.Report) {
    guard dataset.labels == .absent else { return }
    let remedy = "set $.dataset.labels, or take it out"
    if training.labelDropout > 0 {
      report(
        "training.label_dropout", "it is for classes, and the data set has no labels: \(remedy)")
    }
    if unet?.numClassEmbeds != nil {
      report(
        "unet.num_class_embeds", "it is for classes, and the data set has no labels: \(remedy)")
    }
  }
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
        "activation_checkpointing", \.activationCheckpointing, .bool,
        "Makes activations again on the way back instead of keeping them: less memory for large "
          + "images, a third more time, the same result."),
      Field(
        "shards", \.shards, .optional(.integer(1...1024)),
        "Parts a batch is cut into. Decides the result's last bits and how many threads can help; "
          + "null chooses from the batch size."),
      Field(
        "label_dropout", \.labelDropout, .number(atLeast: 0, below: 1),
        "With labels: the probability that an image's class is hidden in a step, which teaches the "
          + "network the null class; guided sampling needs it, 0.1 is usual."),
    ],
    rules: { training, report in
      if let shards = training.shards, shards > training.batchSize {
        report(
          "shards", "found \(shards), allowed is at most batch_size, \(training.batchSize)")
      }
    })
}

extension HoldoutSpec {
  /// `{"images": N}` or `{"fraction": F}`, and what else there is.
  static let codec: JSONCodec<HoldoutSpec> = Keys.codec.codec.map(
    to: { keys, path throws(JSONContentError) in
      var spec: HoldoutSpec
      switch (keys.images, keys.fraction) {
      case (let images?, nil): spec = HoldoutSpec(.images(images))
      case (nil, let fraction?): spec = HoldoutSpec(.fraction(fraction))
      case (nil, nil):
        throw JSONContentError(
          path, "the number of images is missing: add \"images\" or \"fraction\"")
      case (_?, _?):
        throw JSONContentError(
          path, "found both \"images\" and \"fraction\", allowed is one of them")
      }
      (spec.bank, spec.every) = (keys.bank, keys.every)
      return spec
    },
    from: { spec in
      var keys = Keys(bank: spec.bank, every: spec.every)
      switch spec.size {
      case .images(let images): keys.images = images
      case .fraction(let fraction): keys.fraction = fraction
      }
      return keys
    })

  private struct Keys: Sendable {
    var images: Int?
    var fraction: Double?
    var bank = 256
    var every: Int?

    static let codec = ObjectCodec<Keys>(
      "Held-out images", defaults: Keys(),
      fields: [
        Field(
          "images", \.images, omittingNil: .integer(1...Int(Int32.max)),
          "So many images are held out."),
        Field(
          "fraction", \.fraction, omittingNil: .number(above: 0, below: 1),
          "This part of the images is held out."),
        Field(
          "bank", \.bank, .integer(1...65536),
          "Triples of image, timestep and noise, drawn once, that weights are scored on."),
        Field(
          "every", \.every, .optional(.integer(1...TrainingSpec.mostSteps)),
          "Steps from one score to the next; null scores at every preview. The last step is always "
            + "scored."),
      ])
  }
}

extension JSONCodec<Int?> {
  /// The key `threads` of a job.
  static let threads = JSONCodec.optional(.integer(1...1024))
  static let threadsDocumentation =
    "Threads of the worker, which do not change the result; null takes all the daemon allows."
}
