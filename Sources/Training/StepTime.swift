import ModelConfig
public import Models
import TensorCore

/// How long an optimizer step takes on this machine, by a measurement of about a step's length.
public enum StepTime {
  /// Seconds for a step of `recipe`, nearly: those of one pass on one thread, spread over the batch
  /// and the threads. Takes the memory of two sets of weights and a pass.
  public static func measured(
    training unet: UNet, _ recipe: TrainingRecipe, recomputing: Bool = false, threads: Int
  ) -> Double {
    let config = unet.config
    let imagesOfAShard = (recipe.batchSize + recipe.shards - 1) / recipe.shards
    let images = min(imagesOfAShard, Trainer.imagesInAPass(unet))
    let shape = Shape(images, config.sampleSize, config.sampleSize, config.inChannels)
    let (weights, gradients) = (
      FloatBuffer(count: unet.layout.count), FloatBuffer(count: unet.layout.count)
    )
    let x = FloatBuffer(count: shape.count)
    let arena = Arena()
    func pass() {
      unet.train(
        x.tensor(at: 0, shape), timesteps: Array(repeating: 0, count: images),
        labels: config.numClassEmbeds.map { _ in Array(repeating: 0, count: images) },
        weights: weights.all, gradients: gradients.all, arena: arena, dropout: nil,
        recomputing: recomputing
      ) { _, gradient in fill(gradient, with: 0) }
    }
    pass()  // takes the memory
    let seconds = ContinuousClock().measure(pass) / .seconds(1)
    let shardsOfAThread = (recipe.shards + threads - 1) / threads
    return seconds / Double(images) * Double(imagesOfAShard * shardsOfAThread)
  }
}
