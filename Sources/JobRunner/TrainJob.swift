/// A train job from its first step, or from its newest sound checkpoint, to its results.
///
/// **Promises.** However often and wherever the run is interrupted, it ends in the same bits. A
/// checkpoint is written every `checkpoint_every` steps, behind the last step, and when asked to
/// stop. What TensorBoard shows grows with the metrics. The results are a model folder with the
/// averaged weights (the plain ones under `raw/`), `loss.png`, `metrics.jsonl`, `previews/` and
/// `manifest.json`; with `holdout` also the scores on the held-out images, `heldout.json` and
/// `heldout.jsonl`, and the best checkpoint's model, `best/`.
///
/// **Failures.** Data that cannot be read, or a loss that is not finite, fail the job; the last
/// good checkpoint stays.

import Datasets
import Diffusion
import DurableIO
import Images
import Jobs
import ModelConfig
import ModelFiles
import Models
import StrictJSON
import TensorCore
import Training

/// One run of a train job.
final class TrainJob {
  private let job: JobSpec
  private let spec: TrainSpec
  private let context: JobContext
  private let model: TrainedModel
  private let trainer: Trainer
  private let loader: BatchLoader
  private let metrics: MetricsLog
  private let tensorBoard: TensorBoardLog
  private let checkpoints: CheckpointWriter
  private let results: ResultsFolder
  private let previews: PreviewSampler
  /// Nil without labels.
  private let classes: ModelClasses?
  /// Nil if no images are held out.
  private let heldOut: HeldOutCheck?
  private var pace: Pace
  /// What is stored beside a checkpoint's tensors.
  private let note: JSONObject
  /// The step of the newest checkpoint that was begun or found.
  private var checkpointed: Int

  /// Opens the data, builds the network and takes up where an earlier run left off.
  init(_ job: JobSpec, _ spec: TrainSpec, _ context: JobContext) throws(JobFailure) {
    self.job = job
    self.spec = spec
    self.context = context
    let model = try TrainedModel(spec, in: context.directory, context.access)
    self.model = model
    var recipe = TrainingRecipe(job, spec)
    func checkMemory(_ unet: UNet) throws(JobFailure) {
      try MemoryNeed(training: unet, averaging: spec.ema.enabled, shards: recipe.shards)
        .check(in: context)
    }
    try checkMemory(UNet(model.unet))
    var dataset = try attempt {
      try openDataset(
        spec.dataset, for: model.unet, context.access, threads: context.threadsNow,
        report: context.log)
    }
    let classes = try model.classes(
      dataset.labels, labelDropout: spec.training.labelDropout)
    if let names = classes?.names, names != dataset.labels?.classes,
      let labels = dataset.labels?.renumbered(as: names)
    {
      dataset = dataset.labelled(labels)
    }
    let unet = UNet(try model.network(for: classes))
    if classes != nil { try checkMemory(unet) }
    recipe.labelDropout = classes?.nullClass.map {
      LabelDropout(probability: spec.training.labelDropout, nullClass: $0)
    }
    self.classes = classes
    let pool = context.makePool()
    let trainer = Trainer(
      unet: unet, scheduler: model.scheduler, recipe: recipe,
      recomputesActivations: spec.training.activationCheckpointing, pool: pool)
    self.trainer = trainer
    let store = try attempt { try CheckpointStore(path: context.directory.checkpoints) }
    let checkpoint = try attempt { try store.newest(report: context.log) }
    context.log(
      "trains \(unet.layout.count) parameters on \(dataset.count) images: \(context.threads) threads,"
        + " \(recipe.shards) shards, \(Kernels.inUse) kernels")
    var note: JSONObject = [
      "kernels": .string(Kernels.inUse), "images": .integer(dataset.count),
    ]
    if let classes { note["classes"] = .array(classes.names.map { .string($0) }) }
    self.note = note
    if let checkpoint {
      try Self.check(checkpoint, against: note, spec, log: context.log)
      try attempt { try trainer.restore(checkpoint) }
      context.log("continues after step \(checkpoint.step)")
    } else {
      try model.load(into: trainer)
    }
    let step = trainer.state.step
    checkpointed = checkpoint?.step ?? -1
    checkpoints = CheckpointWriter(store)
    let tensorBoard = try attempt {
      try TensorBoardLog("\(context.directory.tensorBoard)/\(job.name)", after: step)
    }
    self.tensorBoard = tensorBoard
    metrics = try attempt {
      try MetricsLog(path: context.directory.metrics, after: step, copyingTo: tensorBoard)
    }
    results = try attempt {
      try ResultsFolder(context.directory, keeping: [PreviewSampler.folder])
    }
    previews = PreviewSampler(
      trainer, model.scheduler, pool, folder: results.path, classes: classes)
    pace = Pace(total: spec.training.steps, done: step)
    heldOut = try spec.holdout.map { holdout throws(JobFailure) in
      try HeldOutCheck(
        holdout, spec, of: dataset, trainer, model.scheduler, pool, in: context.directory,
        copyingTo: tensorBoard)
    }
    let trained = heldOut?.training ?? dataset
    func stream(_ stream: RandomStream) -> Philox {
      Philox(seed: job.seed, stream: stream.rawValue)
    }
    loader = BatchLoader(
      dataset: trained, order: EpochShuffle(count: trained.count, random: stream(.shuffle)),
      batchSize: spec.training.batchSize,
      flips: spec.dataset.horizontalFlip ? stream(.flip) : nil, firstStep: step)
  }

  /// Refuses to continue on other data; says when bits may differ.
  private static func check(
    _ checkpoint: Checkpoint, against note: JSONObject, _ spec: TrainSpec, log: (String) -> Void
  ) throws(JobFailure) {
    try checkpoint.requireImages(
      checkpoint.state["images"], areStill: note["images"]?.int ?? 0, of: spec.dataset)
    guard checkpoint.state["classes"] == note["classes"] else {
      throw .failed(
        reason:
          "$.dataset.path: \(spec.dataset.path) has other classes now than when the job began;"
          + " restore it, or submit the job anew")
    }
    checkpoint.warnOfOtherKernels(log: log)
  }

  /// Trains to the end and makes the results.
  func run() throws(JobFailure) {
    try attempt { try copyEarlierPreviews() }
    // Whatever ends the run, a checkpoint under way is still finished.
    defer { try? checkpoints.finish() }
    while true {
      try scoreIfDue()
      try drawPreviewIfDue()
      guard trainer.state.step < spec.training.steps else { break }
      try stopIfAsked()
      try takeStep()
      if isCheckpointDue { try checkpoint() }
    }
    try attempt { try checkpoints.finish() }
    try attempt { try makeResults() }
  }

  private func copyEarlierPreviews() throws(SystemError) {
    let every = spec.training.previewEvery
    if every == 0 { return }
    for step in stride(from: every, through: trainer.state.step, by: every)
    where !tensorBoard.has(.previews, step: step) { try copyPreview(step: step) }
  }

  private func takeStep() throws(JobFailure) {
    let batch = try attempt { try loader.next() }
    let report: StepReport
    do {
      report = try trainer.train(batch.pixels, labels: batch.labels)
    } catch {
      throw .failed(
        reason: checkpointed > 0
          ? "\(error); the checkpoint of step \(checkpointed) is in \(context.directory.checkpoints)"
          : "\(error)")
    }
    pace.advance(loss: report.loss)
    let imagesPerSecond = Double(spec.training.batchSize) / pace.lastSeconds
    try attempt { try metrics.append(report, imagesPerSecond: imagesPerSecond) }
    let progress = pace.progress(imagesPerStep: spec.training.batchSize)
    context.progress.report(progress)
    if pace.isLineDue(isWanted: isCheckpointDue) {
      context.log(
        "step \(progress.step) of \(progress.steps): loss \(progress.loss ?? report.loss),"
          + " \(progress.imagesPerSecond ?? imagesPerSecond) images/s")
    }
  }

  /// Whether the state belongs on disk even if nobody asks for it.
  private var isCheckpointDue: Bool {
    let step = trainer.state.step
    return step % spec.training.checkpointEvery == 0 || step == spec.training.steps
  }

  private func stopIfAsked() throws(JobFailure) {
    if context.shouldStop() { try stop() }
  }

  /// Ends the run with a checkpoint.
  private func stop() throws(JobFailure) {
    try checkpoint()
    try attempt { try checkpoints.finish() }
    throw .stopped
  }

  /// Begins a checkpoint of the state, unless there is one.
  private func checkpoint() throws(JobFailure) {
    guard trainer.state.step != checkpointed else { return }
    try attempt {
      try metrics.sync()
      try heldOut?.sync()
      try checkpoints.write(trainer.state, note: note)
    }
    checkpointed = trainer.state.step
  }

  /// Scores the state on held-out images if that is due.
  private func scoreIfDue() throws(JobFailure) {
    guard let heldOut, heldOut.isDue else { return }
    context.progress.flush()
    if try !heldOut.score(note: note, shouldStop: context.shouldStop) { try stop() }
    pace.rest()
  }

  /// Draws the preview of this step if one is wanted and none is there: drawing one may have been
  /// interrupted, or the run set back to an earlier step.
  private func drawPreviewIfDue() throws(JobFailure) {
    let (step, every) = (trainer.state.step, spec.training.previewEvery)
    guard every > 0, step > 0, step % every == 0 else { return }
    if try attempt({ try previews.isMissing(step: step) }) {
      context.progress.flush()
      let isDone = try attempt { try previews.draw(step: step, shouldStop: context.shouldStop) }
      if !isDone { try stopIfAsked() }
      try attempt { try writeLossCurve() }
      pace.rest()
    }
    try attempt { try copyPreview(step: step) }
  }

  /// Copies the preview of a step for TensorBoard if it is there.
  private func copyPreview(step: Int) throws(SystemError) {
    if let png = try previews.picture(step: step) {
      try tensorBoard.add(preview: png, step: step)
    }
  }

  private func writeLossCurve() throws(SystemError) {
    let plot = Plot(
      title: job.name, xLabel: "step", yLabel: "loss",
      curves: [.steps(metrics.losses.enumerated().map { (x: Double($0 + 1), y: $1) })]
        + (heldOut?.curves ?? []))
    try AtomicFile.write(encodePNG(plot.image), to: results.path + "/loss.png", synced: false)
  }

  private func makeResults() throws {
    try DiffusersFolder.write(
      to: results.path, unet: trainer.unet, weights: trainer.averagedWeights,
      scheduler: model.scheduler, classes: classes)
    if spec.ema.enabled {
      try DiffusersFolder.write(
        to: results.path + "/raw", unet: trainer.unet, weights: trainer.weights,
        scheduler: model.scheduler, classes: classes)
    }
    try writeLossCurve()
    try AtomicFile.write(
      try readFile(context.directory.metrics, limit: .max - 1), to: results.path + "/metrics.jsonl",
      synced: false)
    try heldOut?.writeResults(
      to: results.path, model.scheduler, classes: classes, report: context.log)
    var inputs: JSONObject = ["dataset": .string(spec.dataset.path)]
    if let origin = model.origin { inputs["init"] = .object(origin.json) }
    try results.seal(spec: job, inputs: inputs)
  }

  /// Removes what is not needed any more once the results are whole: all checkpoints but the
  /// newest, from which the training could go on.
  static func removeLeftovers(in directory: JobDirectory) throws(ModelFileError) {
    try CheckpointStore(path: directory.checkpoints).keepNewest()
  }
}

extension TrainingRecipe {
  /// The numerics' view of a job.
  fileprivate init(_ job: JobSpec, _ spec: TrainSpec) {
    self.init(
      seed: job.seed, batchSize: spec.training.batchSize, shards: spec.training.shards,
      learningRate: LearningRateSchedule(
        peak: spec.optimizer.learningRate, warmupSteps: spec.optimizer.warmupSteps))
    loss =
      switch spec.loss.kind {
      case .simple: .simple
      case .minSNR(let gamma): .minSNR(gamma: gamma)
      case .vlb: .variationalBound
      case .hybrid(let weight): .hybrid(weight: weight)
      }
    samplesTimestepsByImportance = spec.loss.timesteps == .importance
    optimizer.beta1 = spec.optimizer.betas[0]
    optimizer.beta2 = spec.optimizer.betas[1]
    optimizer.epsilon = spec.optimizer.epsilon
    optimizer.weightDecay = spec.optimizer.weightDecay
    optimizer.decoupled = spec.optimizer.algorithm == .adamw
    gradientClipping = spec.optimizer.gradientClipping
    average = spec.ema.enabled ? ExponentialMovingAverage(decay: spec.ema.decay) : nil
  }
}
