/// Grids of samples drawn during training, `previews/step-N.png`: always from the same noise, so
/// that one sees the same pictures become clearer.

import Diffusion
import DurableIO
import Jobs
import ModelConfig
import ModelFiles
import Models
import TensorCore
import Training

/// Draws a training run's previews.
struct PreviewSampler {
  /// The name of their folder in the results.
  static let folder = "previews"

  private let trainer: Trainer
  private let sampler: DDIMSampler
  private let pool: ThreadPool
  private let folder: String
  private let classes: SampledClasses?

  /// Previews of the run of `trainer`, in a folder within the folder `folder`; with `classes`, of
  /// each class in turn.
  init(
    _ trainer: Trainer, _ scheduler: SchedulerConfig, _ pool: ThreadPool, folder: String,
    classes: ModelClasses?
  ) {
    self.classes = classes.map { SampledClasses(all: $0) }
    self.trainer = trainer
    self.pool = pool
    self.folder = folder + "/" + Self.folder
    var scheduler = scheduler
    scheduler.stepsOffset = 0
    sampler = DDIMSampler(
      scheduler, steps: min(TrainingSpec.previewChain, scheduler.numTrainTimesteps), eta: 0)
  }

  /// Whether the preview of the state after `step` steps is still to be drawn.
  func isMissing(step: Int) throws(SystemError) -> Bool { try !Directory.exists(path(step)) }

  /// Draws the preview of the state after `step` steps; returns false if stopped before it was done.
  func draw(step: Int, shouldStop: () -> Bool) throws(SystemError) -> Bool {
    try Directory.create(folder)
    let config = trainer.unet.config
    let batch = SamplingBatch(
      images: 0..<TrainingSpec.previewImages,
      imageShape: Shape(1, config.sampleSize, config.sampleSize, config.inChannels),
      sampler: sampler, seed: trainer.recipe.seed,
      denoisers: trainer.denoisers(weights: trainer.averagedWeights), pool: pool,
      outputChannels: config.outChannels, labels: classes?.labels(0..<TrainingSpec.previewImages))
    while !batch.isFinished {
      if shouldStop() { return false }
      batch.advance()
    }
    try Pictures.writeGrid(of: Pictures.images(batch.x), classes: classes, to: path(step))
    return true
  }

  /// The PNG file of a preview; nil where it is not drawn.
  func picture(step: Int) throws(SystemError) -> [UInt8]? { try readFileIfPresent(path(step)) }

  private func path(_ step: Int) -> String {
    let digits = String(step)
    return "\(folder)/step-\(String(repeating: "0", count: max(0, 8 - digits.count)))\(digits).png"
  }
}
