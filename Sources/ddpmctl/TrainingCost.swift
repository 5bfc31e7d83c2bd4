import Jobs
import Models
import Training

/// What a train job will take on this machine: memory by estimate, time by a measurement.
struct TrainingCost {
  private let estimate: MemoryEstimate
  private let secondsPerStep: Double?
  private let steps: Int
  private let threads: Int
  private let limit: MemoryLimit

  /// Nil where the network is that of another model.
  ///
  /// - threads: those of the machine; the job may want fewer.
  /// - memoryLimit: that of the job, if it has one.
  init?(of spec: TrainSpec, threads: Int, memoryLimit: Int?) {
    guard let config = spec.unet else { return nil }
    limit = .ofThisProcess.lowered(to: memoryLimit, by: "its memory_limit")
    let unet = UNet(config)
    let training = spec.training
    var recipe = TrainingRecipe(
      seed: 0, batchSize: training.batchSize, shards: training.shards,
      learningRate: LearningRateSchedule(peak: spec.optimizer.learningRate))
    recipe.average = spec.ema.enabled ? ExponentialMovingAverage(decay: spec.ema.decay) : nil
    let recomputing = training.activationCheckpointing
    let threads = min(training.threads ?? threads, threads)
    estimate = MemoryEstimate(
      training: unet, recipe, recomputing: recomputing, threads: threads)
    secondsPerStep =
      Double(estimate.bytes) < limit.bytes / 2
      ? StepTime.measured(training: unet, recipe, recomputing: recomputing, threads: threads)
      : nil
    steps = training.steps
    self.threads = threads
  }

  /// One sentence.
  var text: String {
    let memory = "takes about \(MemoryLimit.text(Double(estimate.bytes))) of memory"
    guard let seconds = secondsPerStep else { return memory }
    return
      "\(memory) beside its data, and on \(threads == 1 ? "one thread" : "\(threads) threads") of this"
      + " machine about \(significant(seconds, digits: 2)) s a step, \(durationText(seconds: seconds * Double(steps)))"
      + " for all \(steps)"
  }

  /// What speaks against running it here.
  var warning: String? {
    guard Double(estimate.bytes) > limit.bytes else { return nil }
    return
      "it takes about \(MemoryLimit.text(Double(estimate.bytes))) of memory, and \(limit); lower"
      + " $.unet.block_out_channels or $.training.shards, or set $.training.activation_checkpointing"
  }
}
