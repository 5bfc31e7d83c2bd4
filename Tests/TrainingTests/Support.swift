import ModelConfig
import Models
import TensorCore
import Training

/// A U-Net of 8×8 images that trains in milliseconds.
var tinyConfig: UNetConfig {
  var config = UNetConfig()
  config.sampleSize = 8
  config.inChannels = 1
  config.outChannels = 1
  config.blockOutChannels = [8, 16]
  config.downBlockTypes = [.down, .attentionDown]
  config.upBlockTypes = [.attentionUp, .up]
  config.layersPerBlock = 1
  config.normNumGroups = 4
  config.attentionHeadDim = 8
  config.dropout = 0.1
  return config
}

/// A recipe with everything in it.
func recipe(batchSize: Int = 6, shards: Int? = 4, rate: Double = 1e-3) -> TrainingRecipe {
  var recipe = TrainingRecipe(
    seed: 7, batchSize: batchSize, shards: shards,
    learningRate: LearningRateSchedule(peak: rate, warmupSteps: 3))
  recipe.gradientClipping = 1
  recipe.average = ExponentialMovingAverage(decay: 0.9)
  recipe.optimizer.weightDecay = 0.01
  recipe.optimizer.decoupled = true
  return recipe
}

/// A batch for the step after `step`: a bright square that wanders.
func pixels(step: Int, batchSize: Int = 6) -> [UInt8] {
  var pixels = [UInt8](repeating: 20, count: batchSize * 64)
  for image in 0..<batchSize {
    for i in 0..<16 {
      pixels[64 * image + (i / 4 + (image + step) % 4) * 8 + i % 4 + image % 5] = 220
    }
  }
  return pixels
}

extension Trainer {
  /// One step on the pixels that belong to it.
  @discardableResult
  func trainOnce() throws -> StepReport {
    try train(pixels(step: state.step, batchSize: recipe.batchSize))
  }
}

func values(_ x: Tensor) -> [Float] { unsafe Array(x.elements) }
