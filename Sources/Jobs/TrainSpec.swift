public import ModelConfig

/// Trains a model on a data set: Algorithm 1 of Ho et al. (2020).
public struct TrainSpec: Equatable, Sendable {
  /// The images.
  public var dataset: DatasetSpec
  /// The model whose weights training starts from; nil draws fresh ones.
  public var initial: ModelReference?
  /// The network; nil is that of `initial`.
  public var unet: UNetConfig?
  /// The noise schedule; nil is that of `initial`.
  public var scheduler: SchedulerConfig?
  /// What is minimised.
  public var loss = LossSpec()
  /// How gradients become steps.
  public var optimizer = OptimizerSpec()
  /// The average that becomes the result.
  public var ema = EMASpec()
  /// The loop.
  public var training: TrainingSpec
  /// Images that are held out to choose the best checkpoint by; nil trains on all.
  public var holdout: HoldoutSpec?

  /// A train job with default optimizer and average.
  public init(
    dataset: DatasetSpec, initial: ModelReference? = nil, unet: UNetConfig?,
    scheduler: SchedulerConfig?, training: TrainingSpec
  ) {
    self.dataset = dataset
    self.initial = initial
    self.unet = unet
    self.scheduler = scheduler
    self.training = training
  }
}

/// Where the images are. The wanted size and channel count come from the U-Net.
public struct DatasetSpec: Equatable, Sendable {
  /// The format on disk (key `type`).
  public enum Format: String, CaseIterable, Sendable {
    /// An IDX file of N×H×W bytes, gzip-compressed or not.
    case idx
    /// A folder of PNG and JPEG files, searched recursively.
    case images
    /// CIFAR-10's binary batches: a file or a folder of `*.bin`.
    case cifar10
    /// A NumPy array of uint8, N×H×W×C.
    case npy
  }
  /// How the images are stored.
  public var format: Format
  /// An absolute path.
  public var path: String
  /// Mirrors each image left to right with probability ½.
  public var horizontalFlip = false
  /// Only the first `limit` images are used.
  public var limit: Int?
  /// Where the images' classes are.
  public var labels = LabelPlace.absent
  /// What the classes are called, in the order of their numbers; nil takes the data set's names,
  /// or the numbers.
  public var classNames: [String]?

  /// All images of a data set, as they are.
  public init(format: Format, path: String) {
    self.format = format
    self.path = path
  }
}

/// Where the classes of a data set's images are (key `labels`).
public enum LabelPlace: Equatable, Sendable {
  /// They are not read.
  case absent
  /// Where the format has them: the file of labels beside an IDX file, the subfolders of a folder
  /// of images, CIFAR-10's records.
  case usual
  /// An IDX file of labels, or a `.npy` file of integers.
  case file(String)
}

/// Adam (Kingma & Ba 2015) or AdamW (Loshchilov & Hutter 2019), warm-up and gradient clipping.
public struct OptimizerSpec: Equatable, Sendable {
  /// Key `type`.
  public enum Algorithm: String, CaseIterable, Sendable {
    case adam
    case adamw
  }
  /// Adam or AdamW.
  public var algorithm = Algorithm.adam
  /// After warm-up.
  public var learningRate = 2e-4
  /// β₁ and β₂: decay of the averages of the gradient and of its square.
  public var betas = [0.9, 0.999]
  /// Added to the denominator.
  public var epsilon = 1e-8
  /// Decoupled with AdamW, added to the gradient with Adam.
  public var weightDecay = 0.0
  /// Steps over which the learning rate rises linearly from 0.
  public var warmupSteps = 0
  /// The gradient's global L2 norm is clipped to this; nil leaves it alone.
  public var gradientClipping: Double? = 1.0

  /// The defaults.
  public init() {}
}

/// The exponential moving average of the weights: decay min(`decay`, (1+n)/(10+n)) at step n.
public struct EMASpec: Equatable, Sendable {
  /// Whether the average is kept, and is the result.
  public var enabled = true
  /// The limit that the decay rises to.
  public var decay = 0.9999

  /// The defaults.
  public init() {}
}

/// The length and the shape of the training loop.
public struct TrainingSpec: Equatable, Sendable {
  /// Images in the batch of a step.
  public var batchSize: Int
  /// Number of optimizer steps.
  public var steps: Int
  /// Steps from one checkpoint to the next.
  public var checkpointEvery = 500
  /// Steps from one grid of preview samples to the next; 0 draws none.
  public var previewEvery = 0
  /// Threads of the worker; nil takes all the daemon allows. Does not change the result.
  public var threads: Int?
  /// Whether blocks are walked through again on the way back instead of keeping what is in them:
  /// less memory, a third more time, the same result.
  public var activationCheckpointing = false
  /// Parts a batch is cut into, summed in a fixed tree; nil chooses from the batch size.
  /// The number of parts decides the result's bits and bounds the threads that can help.
  public var shards: Int?
  /// Probability that an image's class is hidden from the network in a step: the null class, which
  /// guidance needs, is then learned beside the others (Ho & Salimans 2022).
  public var labelDropout = 0.0

  /// Previews that are drawn in all.
  public var previews: Int { previewEvery > 0 ? steps / previewEvery : 0 }
  /// Images of a preview.
  public static let previewImages = 16
  /// Steps of the chain that draws them, if the model's is not shorter.
  public static let previewChain = 50

  /// A loop with default checkpoints, threads and shards.
  public init(batchSize: Int, steps: Int) {
    self.batchSize = batchSize
    self.steps = steps
  }
}

/// Images that training never sees, and how weights are scored on them.
public struct HoldoutSpec: Equatable, Sendable {
  /// How many images are held out.
  public enum Size: Equatable, Sendable {
    /// So many.
    case images(Int)
    /// This part of the data set.
    case fraction(Double)
  }
  /// How many images are held out.
  public var size: Size
  /// Triples of image, timestep and noise that weights are scored on.
  public var bank = 256
  /// Steps from one score to the next; nil scores at every preview. The last step is always scored.
  public var every: Int?

  /// Scores at every preview.
  public init(_ size: Size) { self.size = size }

  /// How often weights are scored in all.
  public func scores(in training: TrainingSpec) -> Int {
    let every = every ?? training.previewEvery
    return every > 0 ? (training.steps + every - 1) / every : 1
  }
}
