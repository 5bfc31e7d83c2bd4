/// A sample job from its first image, or from where an earlier run left off, to its results.
///
/// **Promises.** Image i depends on (model, sampler, seed, i, its class) only: not on batch size, threads or
/// interruptions. Finished batches are stored and never drawn again; of the batch under way the
/// state is stored when asked to stop, and every half minute. The results are `samples/N.png`,
/// `samples.npy` and `grid.png`, as the job wants them, `manifest.json`, and the pictures of its
/// task, of progressive generation and of nearest neighbours.
///
/// **Failures.** A model or file that cannot be used, or has changed since the job began, fails it.

import Diffusion
import DurableIO
import Jobs
import ModelConfig
import ModelFiles
import Models
import TensorCore
import Training

/// One run of a sample job.
final class SampleJob {
  private let job: JobSpec
  private let spec: SampleSpec
  private let context: JobContext
  private let inputs: JobInputs
  private let imageShape: Shape
  private let outputChannels: Int
  private let plan: any ChainPlan
  private let strip: ProgressiveStrip
  private let neighbours: NeighbourPicture?
  private let pool: ThreadPool
  private let weights: FloatBuffer
  private let denoisers: [any Denoiser]
  private let classes: SampledClasses?
  private let store: SampleStore
  /// Nil unless they are wanted.
  private let floats: FloatSamples?
  private let checkpoints: ChainCheckpoints

  private static let checkpointInterval = Duration.seconds(30)

  /// Settles the inputs, loads the model and looks what is done.
  init(_ job: JobSpec, _ spec: SampleSpec, _ context: JobContext) throws(JobFailure) {
    self.job = job
    self.spec = spec
    self.context = context
    let inputs = try JobInputs.settled(model: spec.model, in: context.directory, context.access) {
      _ in
      var files = ["initial_noise": spec.initialNoise]
      for (key, path) in spec.task.files { files["task.\(key)"] = path }
      return files
    }
    self.inputs = inputs
    let model = try attempt { try inputs.folder() }
    let unet = UNet(model.unet)
    try MemoryNeed(sampling: unet).check(in: context)
    let shape = Shape(1, model.unet.sampleSize, model.unet.sampleSize, model.unet.inChannels)
    imageShape = shape
    outputChannels = model.unet.outChannels
    let plan = try makeChainPlan(
      job, spec, inputs, model.scheduler, context.access, shape: shape, log: context.log)
    self.plan = plan
    let strip = ProgressiveStrip(
      views: spec.output.progressive, plan.sampler, model.scheduler, imageShape: shape)
    self.strip = strip
    let pool = context.makePool()
    self.pool = pool
    neighbours = try attempt {
      try spec.neighbours.map {
        try NeighbourPicture($0, model.unet, context.access, pool, report: context.log)
      }
    }
    context.log(
      "draws \(plan.count) images with \(inputs.model): \(unet.layout.count) parameters,"
        + " \(context.threads) threads, \(Kernels.inUse) kernels")
    let weights = FloatBuffer(count: unet.layout.count)
    try attempt { try model.readWeights(into: weights.all, layout: unet.layout) }
    self.weights = weights
    let classes = try SampledClasses(spec, try attempt { try model.classes() })
    if case .interpolate = spec.task { try classes?.checkThatThereIsOne() }
    self.classes = classes
    let guidance = classes?.guidance(spec.guidance)
    denoisers = (0..<context.threads).map { _ in
      let denoiser = UNetDenoiser(unet, weights: weights.all)
      return guidance.map { GuidedDenoiser(denoiser, $0) } ?? denoiser
    }
    let folder = Self.samples(in: context.directory)
    store = try attempt {
      try SampleStore(
        path: folder, batches: plan.batches(of: spec.batchSize), imageShape: shape,
        viewCount: strip.count)
    }
    floats =
      spec.output.formats.contains(.npyFloat)
      ? FloatSamples(in: folder, imageShape: shape) : nil
    checkpoints = try attempt { try ChainCheckpoints(path: context.directory.checkpoints) }
  }

  /// Draws what is missing and makes the results.
  func run() throws(JobFailure) {
    let unfinished = try attempt { try store.missing(report: context.log) }
    let missing = store.batches.filter { batch in
      unfinished.contains(batch) || floats.map { !$0.has(batch) } ?? false
    }
    let steps = plan.sampler.timesteps.count
    let done = (store.batches.count - missing.count) * steps
    if done > 0 { context.log("\(store.batches.count - missing.count) batches were drawn before") }
    var pace = Pace(total: store.batches.count * steps, done: done)
    for batch in missing { try draw(batch, &pace) }
    try attempt { try makeResults() }
  }

  private func draw(_ images: Range<Int>, _ pace: inout Pace) throws(JobFailure) {
    let views = strip.views(of: images)
    let batch = SamplingBatch(
      images: images, imageShape: imageShape, sampler: plan.sampler, seed: job.seed,
      denoisers: denoisers, pool: pool, outputChannels: outputChannels,
      labels: classes?.labels(images), noiseIndices: images.map(plan.noiseIndex),
      observer: views?.observer)
    try attempt {
      try plan.begin(batch)
      if try checkpoints.restore(batch, views: views?.all, report: context.log) {
        context.log("continues image \(images.lowerBound) and on after step \(batch.position)")
      }
    }
    pace.skip(batch.position)
    var lastCheckpoint = ContinuousClock.now
    while !batch.isFinished {
      let isAsked = context.shouldStop()
      if isAsked || ContinuousClock.now - lastCheckpoint > Self.checkpointInterval {
        try attempt { try checkpoints.write(batch, views: views?.all) }
        lastCheckpoint = .now
      }
      if isAsked { throw .stopped }
      batch.advance()
      pace.advance()
      let progress = pace.progress(images: plan.count)
      context.progress.report(progress)
      if pace.isLineDue() {
        context.log(
          "drawn \(progress.step) of \(progress.steps) images:"
            + " \(progress.imagesPerSecond ?? 0) images/s")
      }
    }
    try attempt { try floats?.write(images, batch.x) }
    try attempt { try store.write(images, batch.x, views: views?.all) }
  }

  private func makeResults() throws {
    let results = try ResultsFolder(context.directory)
    let formats = SampleFormats(store: store, folder: results.path, classes: classes)
    for format in spec.output.formats {
      switch format {
      case .npy: try formats.writeArray()
      case .npyFloat: try floats?.writeArray(of: store.batches, to: results.path)
      case .png: try formats.writePictures(shouldStop: context.shouldStop)
      case .grid: try formats.writeGrid(log: context.log)
      }
    }
    try plan.writePicture(of: store, to: results.path)
    try strip.write(
      store, to: results.path, withArray: spec.output.formats.contains(.npy))
    try neighbours?.write(
      store, to: results.path, shouldStop: context.shouldStop, log: context.log)
    if context.shouldStop() { throw JobFailure.stopped }
    var inputs = inputs.json
    classes?.describe(count: plan.count, in: &inputs)
    try results.seal(spec: job, inputs: inputs)
  }

  /// Removes what is not needed any more once the results are whole.
  static func removeLeftovers(in directory: JobDirectory) throws(SystemError) {
    try Directory.removeTree(samples(in: directory))
    try Directory.removeTree(directory.checkpoints)
  }

  /// Where finished batches are.
  private static func samples(in directory: JobDirectory) -> String {
    directory.path + "/samples"
  }
}
