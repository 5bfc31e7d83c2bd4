public import Diffusion
import Models

/// The numbers, beside network and data, that decide a training run's bits.
public struct TrainingRecipe: Equatable, Sendable {
  /// The key of every random number.
  public var seed: UInt64
  /// Images in one optimizer step.
  public var batchSize: Int
  /// Parts a batch is cut into; each is one thread's work, and their gradients are summed in a
  /// fixed tree.
  public var shards: Int
  /// What is minimised.
  public var loss = TrainingLoss.Kind.simple
  /// Draws t by importance (`LossHistory`) instead of uniformly.
  public var samplesTimestepsByImportance = false
  /// The optimizer.
  public var optimizer = Adam()
  /// The optimizer's rate, step by step.
  public var learningRate: LearningRateSchedule
  /// The gradient's L2 norm is clipped to this; nil leaves it alone.
  public var gradientClipping: Double?
  /// The average of the weights that is kept beside them; nil keeps none.
  public var average: ExponentialMovingAverage?
  /// How often the network is not told an image's class; nil tells it always.
  public var labelDropout: LabelDropout?

  /// - shards: at most `batchSize`; nil chooses from the batch size alone.
  public init(
    seed: UInt64, batchSize: Int, shards: Int? = nil, learningRate: LearningRateSchedule
  ) {
    precondition(batchSize > 0, "a batch has images")
    let shards = shards ?? Self.defaultShards(batchSize: batchSize)
    precondition((1...batchSize).contains(shards), "a shard has images")
    self.seed = seed
    self.batchSize = batchSize
    self.shards = shards
    self.learningRate = learningRate
  }

  /// Eight shards where each gets eight images or more, so that matrices stay large and eight
  /// threads find work; fewer, down to two, for small batches.
  public static func defaultShards(batchSize: Int) -> Int {
    min(batchSize, max(2, min(8, batchSize / 8)))
  }

  /// What the network is told of the classes of the images `images` of a batch.
  func conditions(_ labels: [Int], _ images: Range<Int>, step: UInt32) -> [Int] {
    guard let labelDropout else { return Array(labels[images]) }
    return images.map {
      labelDropout.label(labels[$0], seed: seed, step: step, image: $0)
    }
  }

  /// Images of the largest shard.
  var largestShard: Int { (batchSize + shards - 1) / shards }

  /// Images in the largest pass that a shard makes.
  func imagesInAPass(of unet: UNet) -> Int { min(largestShard, Trainer.imagesInAPass(unet)) }

  /// The images of a shard within the batch: contiguous, sizes differing by at most one.
  func images(ofShard shard: Int) -> Range<Int> {
    shard * batchSize / shards..<(shard + 1) * batchSize / shards
  }
}
