/// An evaluate job from its first image, or from where an earlier run left off, to its results.
///
/// **Promises.** What is measured on an image depends on (model, seed, image, timestep) only, and
/// images are taken in an order that the seed decides: batch size, threads and interruptions change
/// nothing, and a larger budget goes on from a smaller one. A budget in minutes decides how many
/// images are scored, and nothing else. The state is stored when asked to stop, and every half
/// minute. The results are `evaluation.json`, two tables (CSV), two plots and `manifest.json`.
///
/// **Failures.** A model or data set that cannot be used, or has changed since the job began, fails
/// it, and so does a bound that is not finite.

import Datasets
import Diffusion
import DurableIO
import Jobs
import ModelConfig
import ModelFiles
import Models
import StrictJSON
import TensorCore
import Training

/// One run of an evaluate job.
final class EvaluateJob {
  private let job: JobSpec
  private let spec: EvaluateSpec
  private let context: JobContext
  private let inputs: JobInputs
  private let models: [EvaluatedModel]
  private let unet: UNet
  private let bound: VariationalBound
  private let strata: TimestepStrata
  private let dataset: any Dataset
  /// The classes of the data set's images; nil for a model without classes.
  private let labels: [Int]?
  /// The images to score, as far as the budget goes, by their indices in the data set.
  private let order: [Int]
  private let pool: ThreadPool
  private let checkpoints: CheckpointStore
  private var state: EvaluationState
  /// The newest checkpoint, until it is taken up.
  private var checkpoint: Checkpoint?
  /// Seconds of work in earlier runs.
  private var secondsBefore = 0.0
  private let start = ContinuousClock.now
  private var lastCheckpoint = ContinuousClock.now
  /// Nil before the first batch.
  private var pace: Pace?

  private static let checkpointInterval = Duration.seconds(30)

  /// Settles the inputs, loads the model's weights and looks what is done.
  init(_ job: JobSpec, _ spec: EvaluateSpec, _ context: JobContext) throws(JobFailure) {
    self.job = job
    self.spec = spec
    self.context = context
    inputs = try EvaluatedModel.settleInputs(of: spec, in: context.directory, context.access)
    let inputs = inputs
    let folder = try attempt { try inputs.folder() }
    let unet = UNet(folder.unet)
    self.unet = unet
    let names = EvaluatedModel.names(spec, inputs)
    try MemoryNeed(evaluating: unet, models: names.count).check(in: context)
    let chain = folder.scheduler.numTrainTimesteps
    let classes = try attempt {
      try spec.checkTimesteps(of: folder.scheduler)
      let classes = try folder.classes()
      try spec.checkLabels(hasClasses: classes != nil)
      return classes
    }
    strata = TimestepStrata(steps: chain, count: spec.timesteps)
    bound = VariationalBound(folder.scheduler)
    dataset = try attempt {
      try openDataset(
        spec.dataset, for: folder.unet, context.access, threads: context.threadsNow,
        report: context.log)
    }
    labels = try evaluatedLabels(of: dataset, classes)
    var shuffle = EpochShuffle(
      count: dataset.count, random: Philox(seed: job.seed, stream: RandomStream.shuffle.rawValue))
    order = Array(
      shuffle.batch(step: 0, batchSize: dataset.count)
        .prefix(spec.budget.images ?? dataset.count))
    pool = context.makePool()
    context.log(
      "evaluates \(names.joined(separator: " and ")) of \(inputs.model) on up to \(order.count) of"
        + " \(dataset.count) images, \(strata.ranges.count) of \(chain) timesteps each:"
        + " \(unet.layout.count) parameters, \(context.threads) threads, \(Kernels.inUse)"
        + " kernels")
    models = try attempt {
      try names.map { try EvaluatedModel($0, inputs, unet, threads: context.threads) }
    }
    checkpoints = try attempt { try CheckpointStore(path: context.directory.checkpoints) }
    state = EvaluationState(strata, models: models.count)
    try restore()
  }

  /// Scores the images that are left and makes the results.
  func run() throws(JobFailure) {
    while state.images < order.count && !isTimeUp {
      let end = min(state.images + spec.batchSize, order.count)
      try score(Array(order[state.images..<end]))
    }
    context.progress.send(.progress(progress(Progress(step: state.images, steps: state.images))))
    try attempt { try makeResults() }
  }

  /// Removes what is not needed any more once the results are whole.
  static func removeLeftovers(in directory: JobDirectory) throws(SystemError) {
    try Directory.removeTree(directory.checkpoints)
  }

  // MARK: Scoring

  /// Scores the next images, or as many of them as there is time for.
  private func score(_ images: [Int]) throws(JobFailure) {
    let data = FloatBuffer(count: images.count * dataset.imageSize)
    let x0 = data.tensor(
      at: 0, Shape(images.count, dataset.height, dataset.width, dataset.channels))
    try attempt { try dataset.read(images, into: x0) }
    let priors = bound.prior(x0)
    let batch = BoundBatch(
      data: x0, images: images, labels: labels.map { labels in images.map { labels[$0] } },
      bound: bound, strata: strata, models: models.map(\.denoisers),
      outputChannels: unet.config.outChannels, seed: job.seed, pool: pool)
    try takeUp(batch)
    let unitsOfAnImage = batch.units / images.count
    var pace =
      pace
      ?? Pace(
        total: order.count * unitsOfAnImage, done: state.images * unitsOfAnImage + batch.position)
    defer { self.pace = pace }
    var finished = 0
    while finished < images.count {
      let isAsked = context.shouldStop()
      if isAsked || ContinuousClock.now - lastCheckpoint > Self.checkpointInterval {
        try attempt { try store(batch, finished: finished) }
      }
      if isAsked { throw .stopped }
      let before = batch.position
      batch.advance(by: 2 * pool.threads)
      pace.advance(by: batch.position - before)
      while finished < batch.finishedImages {
        try finish(images[finished], prior: priors[finished], values: batch.values(of: finished))
        finished += 1
      }
      report(&pace)
      if isTimeUp { return }
    }
  }

  private func finish(_ image: Int, prior: Double, values: [[Float]]) throws(JobFailure) {
    if state.add(prior: prior, values: values) { return }
    throw .failed(
      reason: "the bound of image \(image) of \(spec.dataset.path) is not finite: the weights of"
        + " \(inputs.model) give numbers that are not; verify them with ddpmctl model verify")
  }

  // MARK: Time and progress

  /// Seconds of work, those of earlier runs included.
  private var seconds: Double {
    secondsBefore + (ContinuousClock.now - start) / .seconds(1)
  }

  /// Whether the budget's minutes are over; the first image is waited for.
  private var isTimeUp: Bool {
    spec.budget.minutes.map { state.images > 0 && seconds >= $0 * 60 } ?? false
  }

  private func report(_ pace: inout Pace) {
    let progress = progress(pace.progress(images: order.count))
    context.progress.report(progress)
    guard pace.isLineDue() else { return }
    context.log(
      "scored \(state.images) of \(progress.steps) images"
        + (progress.bitsPerDimension.map { ": \($0) bits/dim" } ?? ""))
  }

  /// `progress` with the bound so far, and an end that the budget's minutes may bring.
  private func progress(_ progress: Progress) -> Progress {
    var progress = progress
    if state.images > 0 {
      progress.bitsPerDimension = (state.totals[0].total.mean * 1e4).rounded() / 1e4
    }
    if let minutes = spec.budget.minutes, let left = progress.secondsLeft {
      progress.secondsLeft = min(left, max(minutes * 60 - seconds, 0).rounded())
    }
    return progress
  }

  // MARK: Checkpoints

  /// Stores the totals of the finished images, and what is known of the one under way.
  private func store(_ batch: BoundBatch, finished: Int) throws(ModelFileError) {
    lastCheckpoint = .now
    let unitsOfAnImage = batch.units / batch.images.count
    let position = batch.position - finished * unitsOfAnImage
    let step = state.images * unitsOfAnImage + position
    guard step > 0, finished < batch.images.count else { return }
    try checkpoints.write(
      step: step,
      state: [
        "dataset_images": .integer(dataset.count), "kernels": .string(Kernels.inUse),
        "seconds": .double(seconds), "position": .integer(position), "totals": state.json,
      ],
      tensors: [(name: "values", values: batch.values.images(finished..<finished + 1))])
  }

  /// Takes over the totals of the newest checkpoint.
  private func restore() throws(JobFailure) {
    checkpoint = try attempt { try checkpoints.newest(report: context.log) }
    guard let checkpoint else { return }
    try checkpoint.requireImages(
      checkpoint.state["dataset_images"], areStill: dataset.count, of: spec.dataset)
    guard
      let state = EvaluationState(checkpoint.state["totals"], strata, models: models.count)
    else {
      throw .failed(
        reason: "the checkpoint in \(context.directory.checkpoints) is of another job; submit the"
          + " job anew")
    }
    checkpoint.warnOfOtherKernels(log: context.log)
    self.state = state
    secondsBefore = checkpoint.state["seconds"]?.double ?? 0
    context.log("continues after \(state.images) images")
  }

  /// Takes over what the newest checkpoint knows of the batch's first image.
  private func takeUp(_ batch: BoundBatch) throws(JobFailure) {
    guard let checkpoint, let position = checkpoint.state["position"]?.int else { return }
    self.checkpoint = nil
    try attempt { try checkpoint.read("values", into: batch.values.images(0..<1)) }
    batch.resume(at: position)
  }

  private func makeResults() throws {
    let results = try ResultsFolder(context.directory)
    let report = EvaluationReport(
      title: job.name, names: models.map(\.name), datasetImages: dataset.count,
      dimensions: dataset.imageSize, strata: strata, state: state)
    try report.write(to: results.path)
    var made = inputs.json
    made["dataset"] = .string(spec.dataset.path)
    try results.seal(spec: job, inputs: made)
  }
}
