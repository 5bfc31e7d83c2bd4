public import Models

/// How long training takes on this machine, by a measurement of about a step's length.
public struct StepTime {
  /// Seconds for an optimizer step, nearly.
  public let step: Double
  /// Seconds in which one thread predicts for one image, nearly.
  public let prediction: Double

  package init(step: Double, prediction: Double) {
    (self.step, self.prediction) = (step, prediction)
  }

  /// Measures a pass on one thread, which is spread over the batch of `recipe` and the threads.
  /// Takes the memory of two sets of weights and a pass.
  public init(
    measuring unet: UNet, _ recipe: TrainingRecipe, recomputing: Bool = false, threads: Int
  ) {
    let images = recipe.imagesInAPass(of: unet)
    let passes = TrialPasses(unet, images: images)
    func seconds(_ pass: () -> Void) -> Double {
      pass()  // takes the memory
      return ContinuousClock().measure(pass) / .seconds(1) / Double(images)
    }
    let shardsOfAThread = (recipe.shards + threads - 1) / threads
    step =
      seconds { passes.train(recomputing: recomputing) }
      * Double(recipe.largestShard * shardsOfAThread)
    prediction = seconds { passes.predict() }
  }
}
