import Diffusion
import GuardedFiles
import Images
import Jobs
import TensorCore

/// Ways from one image x₀ to another x₀′: Ho et al. (2020), section 4.4. In each row both are
/// diffused to one depth t with the same noise, mixed as (1 − λ) xₜ + λ xₜ′ with λ from 0 to 1, and
/// taken back by the sampler, with the same noise for the whole row.
struct Interpolation: ChainPlan {
  let count: Int
  /// The number of λ.
  let rowLength: Int
  let sampler: any Sampler
  private let ends: (from: Image, to: Image)
  /// For each row, where the chain begins and the t that this is; at the chain's end, t = 0.
  private let starts: [(position: Int, t: Int)]
  private let diffusion: GaussianDiffusion
  private let noise: Philox

  /// Rows of `count` images.
  ///
  /// - shape: 1×H×W×C.
  /// - log: told where the sampler's way has no such depth.
  init(
    _ spec: InterpolationSpec, _ access: FileAccess, count: Int, seed: UInt64,
    _ sampler: any Sampler, _ schedule: NoiseSchedule, shape: Shape, log: (String) -> Void
  ) throws(JobFailure) {
    func load(_ path: String, _ key: String) throws(JobFailure) -> Image {
      try TaskImage(path: path, access, at: key, channels: shape.c).resampled(to: shape)
    }
    ends = (try load(spec.from, "$.task.from"), try load(spec.to, "$.task.to"))
    var starts: [(position: Int, t: Int)] = []
    for (index, depth) in spec.depths.enumerated() {
      guard depth <= schedule.steps else {
        throw .failed(
          reason: "$.task.depths[\(index)]: found \(depth), allowed is 0 to \(schedule.steps), the"
            + " steps of the model's chain")
      }
      let position =
        sampler.timesteps.firstIndex { $0 < depth } ?? sampler.timesteps.count
      let t = position < sampler.timesteps.count ? sampler.timesteps[position] + 1 : 0
      if t < depth { log("the sampler does not stop at depth \(depth); the row begins at \(t)") }
      starts.append((position, t))
    }
    self.starts = starts
    self.count = count * starts.count
    rowLength = count
    self.sampler = sampler
    diffusion = GaussianDiffusion(schedule)
    noise = Philox(seed: seed, stream: RandomStream.interpolationNoise.rawValue)
  }

  /// An image of a row takes the noise of the row's first.
  func noiseIndex(of image: Int) -> Int { image / rowLength * rowLength }

  func begin(_ batch: SamplingBatch) {
    let row = batch.images.lowerBound / rowLength
    let (from, to, z) = (ends.from.floats, ends.to.floats, FloatBuffer(count: ends.to.pixels.count))
    noise.fillNormal(z.all, step: 0, image: UInt32(row))
    for (offset, image) in batch.images.enumerated() {
      let x = batch.x.images(offset..<offset + 1)
      let lambda = Double(image % rowLength) / Double(rowLength - 1)
      combine(Float(1 - lambda), from.all, Float(lambda), to.all, into: x)
      if starts[row].t > 0 { diffusion.diffuse(x, t: starts[row].t, noise: z.all, into: x) }
    }
    batch.resume(at: starts[row].position)
  }

  /// `interpolation.png`: a row for each depth, between the two images.
  func writePicture(of samples: SampleStore, to folder: String) throws {
    let images = try samples.first(count)
    var (pictures, captions): ([Image], [String]) = ([], [])
    for (index, start) in starts.enumerated() {
      let way = index * rowLength..<(index + 1) * rowLength
      pictures += [ends.from] + images[way] + [ends.to]
      captions += ["from"] + way.map { "t=\(start.t) \(percent($0))%" } + ["to"]
    }
    try Pictures.writeTable(
      pictures, captions: captions, columns: rowLength + 2, to: folder + "/interpolation.png")
  }

  /// λ of an image, in hundredths.
  private func percent(_ image: Int) -> Int {
    Int((100 * Double(image % rowLength) / Double(rowLength - 1)).rounded())
  }
}
