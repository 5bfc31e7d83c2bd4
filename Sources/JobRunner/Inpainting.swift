import Diffusion
import GuardedFiles
import Images
import Jobs
import TensorCore

/// A part of an image filled in as many ways as there are samples; see `InpaintingSampler`.
struct Inpainting: ChainPlan {
  let count: Int
  let sampler: any Sampler
  private let noise: InitialNoise?
  private let image: Image
  private let isUnknown: [Bool]

  /// Samples shown in the picture.
  private static let shown = 62

  /// Fills what is white in the mask: pixels of at least half brightness once it has been resampled
  /// like the image.
  ///
  /// - shape: 1×H×W×C.
  init(
    _ spec: InpaintingSpec, _ access: FileAccess, count: Int, noise: InitialNoise?,
    _ base: any Sampler, _ schedule: NoiseSchedule, shape: Shape
  ) throws(JobFailure) {
    let original = try TaskImage(path: spec.image, access, at: "$.task.image", channels: shape.c)
    let mask = try TaskImage(path: spec.mask, access, at: "$.task.mask", channels: 1)
    try mask.checkSize(isThatOf: original)
    let image = original.resampled(to: shape)
    let isUnknown = mask.resampled(to: shape).pixels.flatMap { grey in
      [Bool](repeating: grey >= 128, count: shape.c)
    }
    guard isUnknown.contains(true) else {
      throw .failed(
        reason: "$.task.mask: \(spec.mask) has nothing white, so that there is nothing to fill")
    }
    guard spec.jumpLength <= base.timesteps.count else {
      throw .failed(
        reason: "$.task.jump_length: found \(spec.jumpLength), allowed is 1 to"
          + " \(base.timesteps.count), the steps of the sampler")
    }
    self.count = count
    self.noise = noise
    self.image = image
    self.isUnknown = isUnknown
    sampler = InpaintingSampler(
      base, schedule: schedule, image: image.floats, isUnknown: isUnknown,
      resampling: spec.resampling, jumpLength: spec.jumpLength)
  }

  func begin(_ batch: SamplingBatch) throws { try noise?.fill(batch.x, images: batch.images) }

  /// `inpainting.png`: the image, what is kept of it, and the first samples.
  func writePicture(of samples: SampleStore, to folder: String) throws {
    var masked = image
    for (index, isUnknown) in isUnknown.enumerated() where isUnknown { masked.pixels[index] = 128 }
    let images = try samples.first(Self.shown)
    let numbers = images.indices.map { "\($0)" }
    try Pictures.writeTable(
      [image, masked] + images, captions: ["image", "kept"] + numbers,
      to: folder + "/inpainting.png")
  }
}
