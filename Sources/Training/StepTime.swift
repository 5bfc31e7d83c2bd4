public import Models

/// How long an optimizer step takes on this machine, by a measurement of about a step's length.
public enum StepTime {
  /// Seconds for a step of `recipe`, nearly: those of one pass on one thread, spread over the batch
  /// and the threads. Takes the memory of two sets of weights and a pass.
  public static func measured(
    training unet: UNet, _ recipe: TrainingRecipe, recomputing: Bool = false, threads: Int
  ) -> Double {
    let images = recipe.imagesInAPass(of: unet)
    let passes = TrialPasses(unet, images: images)
    passes.train(recomputing: recomputing)  // takes the memory
    let seconds =
      ContinuousClock().measure { passes.train(recomputing: recomputing) } / .seconds(1)
    let shardsOfAThread = (recipe.shards + threads - 1) / threads
    return seconds / Double(images) * Double(recipe.largestShard * shardsOfAThread)
  }
}
