/// A sample job from its first image, or from where an earlier run left off, to its results.
///
/// **Promises.** Image i depends on (model, sampler, seed, i) only: not on batch size, threads or
/// interruptions. Finished batches are stored and never drawn again; of the batch under way the
/// state is stored when asked to stop, and every half minute. The results are `samples/N.png`,
/// `samples.npy` and `grid.png`, as the job wants them, and `manifest.json`.
///
/// **Failures.** A model or noise that cannot be used, or has changed since the job began, fails it.

import Diffusion
import DurableIO
import Images
import Jobs
import ModelConfig
import ModelFiles
import Models
import StrictJSON
import TensorCore
import TensorFiles
import Training

/// One run of a sample job.
final class SampleJob {
  private let job: JobSpec
  private let spec: SampleSpec
  private let context: JobContext
  private let inputs: JobInputs
  private let imageShape: Shape
  private let sampler: any Sampler
  private let pool: ThreadPool
  private let weights: FloatBuffer
  private let denoisers: [UNetDenoiser]
  private let noise: InitialNoise?
  private let store: SampleStore
  private let checkpoints: CheckpointStore
  private let batches: [Range<Int>]

  private static let checkpointInterval = Duration.seconds(30)

  /// Settles the inputs, loads the model and looks what is done.
  init(_ job: JobSpec, _ spec: SampleSpec, _ context: JobContext) throws(JobFailure) {
    self.job = job
    self.spec = spec
    self.context = context
    let inputs = try JobInputs.settled(for: spec, in: context.directory)
    self.inputs = inputs
    let model = try attempt { try DiffusersFolder(path: inputs.model) }
    let unet = UNet(model.unet)
    try MemoryNeed(sampling: unet).check()
    let shape = Shape(1, model.unet.sampleSize, model.unet.sampleSize, model.unet.inChannels)
    imageShape = shape
    switch spec.sampler {
    case .ddpm:
      sampler = AncestralSampler(model.scheduler)
    case .ddim(let steps, let eta):
      guard steps <= model.scheduler.numTrainTimesteps else {
        throw .failed(
          reason: "$.sampler.steps: found \(steps), allowed is 1 to"
            + " \(model.scheduler.numTrainTimesteps), the steps of the model's chain")
      }
      sampler = DDIMSampler(model.scheduler, steps: steps, eta: eta)
    }
    noise = try attempt {
      try inputs.initialNoise.map {
        try InitialNoise(path: $0.path, count: spec.count, imageShape: shape)
      }
    }
    context.log(
      "draws \(spec.count) images with \(inputs.model): \(unet.layout.count) parameters,"
        + " \(context.threads) threads, \(Kernels.active.name) kernels")
    let weights = FloatBuffer(count: unet.layout.count)
    try attempt { try model.readWeights(into: weights.all, layout: unet.layout) }
    self.weights = weights
    pool = ThreadPool(threads: context.threads)
    denoisers = (0..<context.threads).map { _ in UNetDenoiser(unet, weights: weights.all) }
    batches = Swift.stride(from: 0, to: spec.count, by: spec.batchSize).map {
      $0..<min($0 + spec.batchSize, spec.count)
    }
    let folder = Self.samples(in: context.directory)
    let batches = batches
    store = try attempt { try SampleStore(path: folder, batches: batches, imageShape: shape) }
    checkpoints = try attempt { try CheckpointStore(path: context.directory.checkpoints) }
  }

  /// Draws what is missing and publishes the results.
  func run() throws(JobFailure) {
    let missing = try attempt { try store.missing(report: context.log) }
    let steps = sampler.timesteps.count
    let done = (batches.count - missing.count) * steps
    if done > 0 { context.log("\(batches.count - missing.count) batches were drawn before") }
    var pace = Pace(total: batches.count * steps, done: done)
    for batch in missing { try draw(batch, &pace) }
    try attempt { try publish() }
  }

  private func draw(_ images: Range<Int>, _ pace: inout Pace) throws(JobFailure) {
    let batch = SamplingBatch(
      images: images, imageShape: imageShape, sampler: sampler, seed: job.seed,
      denoisers: denoisers, pool: pool)
    try attempt {
      try noise?.fill(batch.x, images: images)
      try restore(batch)
    }
    pace.skip(batch.position)
    var lastCheckpoint = ContinuousClock.now
    while !batch.isFinished {
      let isAsked = context.shouldStop()
      if isAsked || ContinuousClock.now - lastCheckpoint > Self.checkpointInterval {
        try attempt { try checkpoint(batch) }
        lastCheckpoint = .now
      }
      if isAsked { throw .stopped }
      batch.advance()
      pace.advance()
      let progress = pace.progress(images: spec.count)
      context.progress.report(progress)
      if pace.isLineDue() {
        context.log(
          "drawn \(progress.step) of \(progress.steps) images:"
            + " \(progress.imagesPerSecond ?? 0) images/s")
      }
    }
    try attempt { try store.write(images, batch.x) }
  }

  /// Takes up the chains of this batch if the newest checkpoint is of them.
  private func restore(_ batch: SamplingBatch) throws {
    guard let checkpoint = try checkpoints.newest(report: context.log),
      checkpoint.state["first_image"]?.int == batch.images.lowerBound,
      let position = checkpoint.state["position"]?.int, position <= batch.steps
    else { return }
    try checkpoint.read("x", into: batch.x)
    batch.resume(at: position)
    context.log("continues image \(batch.images.lowerBound) and on after step \(position)")
  }

  private func checkpoint(_ batch: SamplingBatch) throws(ModelFileError) {
    guard batch.position > 0 else { return }
    try checkpoints.write(
      step: batch.images.lowerBound * batch.steps + batch.position,
      state: [
        "first_image": .integer(batch.images.lowerBound), "position": .integer(batch.position),
      ],
      tensors: [(name: "x", values: batch.x)])
  }

  private func publish() throws {
    let results = try ResultsFolder(context.directory)
    let formats = Set(spec.output.formats)
    if formats.contains(.npy) { try writeArray(to: results.path + "/samples.npy") }
    if formats.contains(.png) { try writePictures(to: results.path + "/samples") }
    if formats.contains(.grid) { try writeGrid(to: results.path + "/grid.png") }
    try results.publish(spec: job, inputs: inputs.json)
  }

  /// Removes what is not needed any more once the results are published.
  static func removeLeftovers(in directory: JobDirectory) throws(SystemError) {
    try Directory.removeTree(samples(in: directory))
    try Directory.removeTree(directory.checkpoints)
  }

  /// Where finished batches are.
  private static func samples(in directory: JobDirectory) -> String {
    directory.path + "/samples"
  }

  private func writePictures(to folder: String) throws {
    try Directory.create(folder)
    let digits = String(spec.count - 1).count
    for batch in batches {
      if context.shouldStop() { throw JobFailure.stopped }
      for (index, image) in zip(batch, try store.images(batch)) {
        let name = String(repeating: "0", count: digits - String(index).count) + "\(index).png"
        try AtomicFile.write(encodePNG(image.viewable), to: "\(folder)/\(name)", synced: false)
      }
    }
  }

  private func writeGrid(to path: String) throws {
    let capacity = Pictures.gridCapacity(imageShape)
    if capacity < spec.count { context.log("the grid shows the first \(capacity) images") }
    var images: [Image] = []
    for batch in batches where images.count < capacity { images += try store.images(batch) }
    try Pictures.writeGrid(of: Array(images.prefix(capacity)), to: path)
  }

  private func writeArray(to path: String) throws(TensorFileError) {
    let (batches, store) = (batches, store)
    var held: (range: Range<Int>, images: [Image]) = (0..<0, [])
    try unsafe writeNpy(
      to: path, shape: [spec.count, imageShape.h, imageShape.w, imageShape.c]
    ) { (index, pixels: UnsafeMutableBufferPointer<UInt8>) throws(TensorFileError) in
      if !held.range.contains(index) {
        let range = batches[index / spec.batchSize]
        held = (range, try store.images(range))
      }
      unsafe _ = pixels.update(fromContentsOf: held.images[index - held.range.lowerBound].pixels)
    }
  }
}
