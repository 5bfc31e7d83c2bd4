import Glibc
import Jobs
import ModelConfig
import Models
import Training

/// What a train job will take on this machine: memory by estimate, time by a measurement.
struct TrainingCost {
  private let spec: TrainSpec
  private let unet: UNet
  private let recipe: TrainingRecipe
  /// Of the job on this machine.
  private let threads: Int
  private let memory: MemoryEstimate
  private let memoryLimit: Int?

  /// Nil where the job does not train, or the network is that of another model.
  init?(of job: JobSpec) {
    guard case .train(let spec) = job.work, let config = spec.unet else { return nil }
    self.spec = spec
    unet = UNet(config)
    memoryLimit = job.queue.memoryLimit
    let training = spec.training
    var recipe = TrainingRecipe(
      seed: 0, batchSize: training.batchSize, shards: training.shards,
      learningRate: LearningRateSchedule(peak: spec.optimizer.learningRate))
    recipe.average = spec.ema.enabled ? ExponentialMovingAverage(decay: spec.ema.decay) : nil
    self.recipe = recipe
    let processors = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    threads = min(training.threads ?? processors, processors)
    memory = MemoryEstimate(
      training: unet, recipe, recomputing: training.activationCheckpointing, threads: threads)
  }

  private var limit: MemoryLimit { .ofThisProcess.lowered(toOwn: memoryLimit) }

  /// One sentence, for which a step is tried if there is room for it.
  func text() -> String {
    let text = "takes about \(MemoryLimit.text(Double(memory.bytes))) of memory"
    guard Double(memory.bytes) < MemoryLimit.ofThisProcess.bytes / 2 else { return text }
    let time = StepTime(
      measuring: unet, recipe, recomputing: spec.training.activationCheckpointing,
      threads: threads)
    let seconds = seconds(time)
    func counted(_ count: Int, _ noun: String) -> String? {
      count > 0 ? "\(count) \(noun)\(count == 1 ? "" : "s")" : nil
    }
    let more = [counted(previews, "preview"), counted(scores, "held-out score")].compactMap { $0 }
    return
      "\(text) beside its data, and on \(threads == 1 ? "one thread" : "\(threads) threads") of this"
      + " machine about \(significant(time.step, digits: 2)) s a step, \(durationText(seconds: seconds))"
      + " for all \(spec.training.steps)"
      + (more.isEmpty ? "" : " with \(more.joined(separator: " and "))")
  }

  private var previews: Int { spec.training.previews }
  private var scores: Int { spec.holdout?.scores(in: spec.training) ?? 0 }

  /// Seconds for all steps, previews and scores.
  func seconds(_ time: StepTime) -> Double {
    Double(spec.training.steps) * time.step
      + Double(previews * previewPredictions + scores * scorePredictions) * time.prediction
      / Double(threads)
  }

  /// Predictions for one image that a preview takes.
  private var previewPredictions: Int {
    let chain = spec.scheduler?.numTrainTimesteps ?? .max
    return TrainingSpec.previewImages * min(TrainingSpec.previewChain, chain)
  }

  /// Those that a held-out score takes: of the plain weights, and of their average if there is one.
  private var scorePredictions: Int { (spec.holdout?.bank ?? 0) * (spec.ema.enabled ? 2 : 1) }

  /// Why it can run nowhere: its worker would refuse it with the same words.
  var refusal: String? {
    memoryLimit.flatMap { limit in
      MemoryNeed(training: unet, averaging: spec.ema.enabled, shards: recipe.shards)
        .refusal(by: MemoryLimit(own: limit))
    }
  }

  /// What speaks against running it here.
  var warning: String? {
    guard refusal == nil, Double(memory.bytes) > limit.bytes else { return nil }
    return
      "it takes about \(MemoryLimit.text(Double(memory.bytes))) of memory, and \(limit); "
      + (limit.isOwn ? "raise $.queue.memory_limit, or " : "")
      + "lower $.unet.block_out_channels or $.training.shards, or set"
      + " $.training.activation_checkpointing"
  }
}
