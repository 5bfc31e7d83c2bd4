/// Algorithm 1 of Ho et al. (2020), a step at a time.
///
/// **Bits.** After n steps the state is a function of network, schedule, recipe and the pixels fed:
/// the batch is cut into shards by the recipe, not by the threads; every random number is named by
/// (seed, step, image); sums run in a fixed order. So a run continued from `restore` ends like one
/// never interrupted, on any number of threads.
///
/// **Memory.** All of it is taken in `init` and in the first step.

import Diffusion
public import ModelConfig
public import ModelFiles
public import Models
public import TensorCore

/// Trains one network. Not thread-safe; it spreads its work over the pool's threads itself.
public final class Trainer {
  /// The network.
  public let unet: UNet
  /// What the run's bits depend on.
  public let recipe: TrainingRecipe
  /// The state after the last step.
  public private(set) var state: TrainingState

  private let diffusion: GaussianDiffusion
  private let parameterization: Parameterization
  private let loss: TrainingLoss
  private let recomputesActivations: Bool
  private let pool: ThreadPool
  /// One for each shard; the first receives their sum.
  private let gradients: [FloatBuffer]
  /// One for each thread.
  private let arenas: [ThreadArena]

  /// A trainer with freshly drawn weights.
  ///
  /// - recomputesActivations: takes less memory and more time, for the same bits.
  public init(
    unet: UNet, scheduler: SchedulerConfig, recipe: TrainingRecipe,
    recomputesActivations: Bool = false, pool: ThreadPool
  ) {
    self.unet = unet
    self.recipe = recipe
    self.recomputesActivations = recomputesActivations
    self.pool = pool
    diffusion = GaussianDiffusion(NoiseSchedule(scheduler))
    parameterization = Parameterization(diffusion, scheduler.predictionType)
    loss = TrainingLoss(recipe.loss, scheduler, batch: recipe.batchSize)
    state = TrainingState(
      parameters: unet.layout.count, averaging: recipe.average != nil,
      importanceSteps: recipe.samplesTimestepsByImportance ? diffusion.schedule.steps : nil)
    gradients = (0..<recipe.shards).map { _ in FloatBuffer(count: unet.layout.count) }
    arenas = (0..<pool.threads).map { _ in ThreadArena() }
    unet.initialize(state.weights.all, seed: recipe.seed)
    if let average = state.average { copy(state.weights.all, into: average.all) }
  }

  /// Starts from a trained model's weights instead of drawn ones; before the first step.
  public func start(from folder: DiffusersFolder) throws(ModelFileError) {
    precondition(state.step == 0, "training is under way")
    try folder.readWeights(into: state.weights.all, layout: unet.layout)
    if let average = state.average { copy(state.weights.all, into: average.all) }
  }

  /// Continues from a checkpoint of this network and recipe.
  public func restore(_ checkpoint: Checkpoint) throws(ModelFileError) {
    try state.restore(checkpoint)
  }

  /// The trained weights, flat, in the network's layout.
  public var weights: Tensor { state.weights.all }

  /// The weights to draw samples with: the average where one is kept.
  public var averagedWeights: Tensor { (state.average ?? state.weights).all }

  /// One denoiser with these weights for each of the pool's threads; between steps only.
  public func denoisers(weights: Tensor) -> [UNetDenoiser] {
    arenas.map { UNetDenoiser(unet, weights: weights, arena: $0) }
  }

  /// One optimizer step.
  ///
  /// - pixels: recipe.batchSize × S × S × C bytes.
  /// - labels: recipe.batchSize classes, nil for a network without classes.
  ///
  /// Throws: `TrainingError.notFinite` if the loss or a gradient is; the state is then that before
  /// the step.
  public func train(
    _ pixels: [UInt8], labels: [Int]? = nil
  ) throws(TrainingError) -> StepReport {
    let step = state.step + 1
    let draws = draws
    let (loss, imageLosses) = addGradients(pixels, labels, draws)
    let norm = sumGradients(gradients.map(\.all), pool: pool).squareRoot()
    guard loss.isFinite && norm.isFinite else {
      throw .notFinite(step: step, loss: loss, gradientNorm: norm)
    }
    let rate = recipe.learningRate.rate(step: step)
    update(
      recipe.optimizer.coefficients(
        step: step, learningRate: rate, gradientScale: clippingFactor(norm)))
    if let history = state.lossHistory {
      for (image, loss) in imageLosses.values.enumerated() {
        history.record(loss, t: draws.timestep(image: image).t)
      }
    }
    state.step = step
    return StepReport(step: step, loss: loss, gradientNorm: norm, learningRate: rate)
  }

  /// A shard walks through the network in passes of as many images as keep their activations below
  /// 96 MB, at least one. It depends on the network alone: passes decide the order of sums, and so
  /// the bits.
  static func imagesInAPass(_ unet: UNet) -> Int { max(1, (96 << 20) / unet.activationBytes) }

  /// What the next step draws.
  private var draws: TrainingDraws {
    TrainingDraws(
      diffusion: diffusion, parameterization: parameterization, seed: recipe.seed, after: state)
  }

  /// Forward and backward pass of every shard, each into its own gradients; returns the loss, and
  /// that of each image where t is drawn by importance.
  private func addGradients(
    _ pixels: [UInt8], _ labels: [Int]?, _ draws: TrainingDraws
  ) -> (batch: Double, images: SharedSums) {
    let config = unet.config
    let imageShape = Shape(1, config.sampleSize, config.sampleSize, config.inChannels)
    precondition(
      pixels.count == recipe.batchSize * imageShape.count, "pixels do not fill the batch")
    precondition(
      labels == nil || labels?.count == recipe.batchSize, "each image of a batch has a label")
    let losses = SharedSums(count: recipe.shards)
    let imageLosses = SharedSums(count: recipe.batchSize)
    let (unet, recipe, loss, recomputing) = (unet, recipe, loss, recomputesActivations)
    let (weights, gradients) = (state.weights, gradients)
    let arenas = arenas
    let imagesInAPass = Self.imagesInAPass(unet)

    pool.run(recipe.shards) { shard, thread in
      fill(gradients[shard].all, with: 0)
      for images in recipe.images(ofShard: shard).parts(ofAtMost: imagesInAPass) {
        let shape = Shape(images.count, imageShape.h, imageShape.w, imageShape.c)
        arenas[thread].use { arena in
          let data = arena.take(shape)
          let target = arena.take(shape)
          let x = arena.take(shape)
          let bytes = images.lowerBound * imageShape.count..<images.upperBound * imageShape.count
          unsafe pixels.withUnsafeBufferPointer {
            unsafe floats(fromBytes: UnsafeBufferPointer(rebasing: $0[bytes]), into: data)
          }
          let pass = draws.diffuse(images, data: data, into: x, target: target)
          unet.train(
            x, timesteps: pass.t.map { $0 - 1 },
            labels: labels.map { recipe.conditions($0, images, step: draws.step) },
            weights: weights.all, gradients: gradients[shard].all, arena: arena,
            dropout: DropoutNoise(
              seed: recipe.seed, step: draws.step, firstImage: UInt32(images.lowerBound)),
            recomputing: recomputing
          ) { output, gradient in
            let (share, each) = loss.evaluate(output, pass, gradient: gradient)
            losses[shard] += share
            for (image, loss) in zip(images, each) { imageLosses[image] = loss }
          }
          for tensor in [data, target, x] { arena.recycle(tensor) }
        }
      }
    }
    return (losses.total, imageLosses)
  }

  /// What the gradient is multiplied with, as PyTorch's `clip_grad_norm_`.
  private func clippingFactor(_ norm: Double) -> Double {
    guard let limit = recipe.gradientClipping else { return 1 }
    return min(1, limit / (norm + 1e-6))
  }

  /// Adam's step and the average, in one walk over the parameters.
  private func update(_ coefficients: AdamCoefficients) {
    let state = state
    let gradient = gradients[0].all
    let decay = recipe.average.map { Float($0.decay(step: coefficients.step)) }
    pool.run((gradient.count + chunkSize - 1) / chunkSize) { chunk, _ in
      let weights = state.weights.all.chunk(chunk)
      adamStep(
        weights: weights, gradients: gradient.chunk(chunk),
        firstMoments: state.firstMoments.all.chunk(chunk),
        secondMoments: state.secondMoments.all.chunk(chunk), coefficients)
      if let average = state.average, let decay {
        moveAverage(average.all.chunk(chunk), toward: weights, decay: decay)
      }
    }
  }
}

/// What one optimizer step did.
public struct StepReport: Equatable, Sendable {
  /// Its number, counted from 1.
  public var step: Int
  /// The loss over the batch, before the step.
  public var loss: Double
  /// The gradient's L2 norm, before clipping.
  public var gradientNorm: Double
  /// The optimizer's rate.
  public var learningRate: Double
}

/// Why a run cannot go on.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// The loss or the gradient is infinite or not a number.
  case notFinite(step: Int, loss: Double, gradientNorm: Double)

  /// One sentence: what was found, what to do next.
  public var description: String {
    switch self {
    case .notFinite(let step, let loss, let norm):
      "at step \(step) the loss is \(spelled(loss)) and the gradient's norm \(spelled(norm)); lower"
        + " $.optimizer.learning_rate, lengthen $.optimizer.warmup_steps, or set"
        + " $.optimizer.gradient_clipping"
    }
  }

  /// A NaN's sign, which means nothing, is left out.
  private func spelled(_ value: Double) -> String { value.isNaN ? "NaN" : "\(value)" }
}

extension Range<Int> {
  /// Consecutive parts of at most `count` elements, as few as possible and sizes differing by at
  /// most one.
  fileprivate func parts(ofAtMost count: Int) -> [Range<Int>] {
    let parts = (self.count + count - 1) / count
    return (0..<parts).map {
      lowerBound + $0 * self.count / parts..<lowerBound + ($0 + 1) * self.count / parts
    }
  }
}
