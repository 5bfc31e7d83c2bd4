/// Progressive generation, Ho et al. (2020), section 4.3 and figure 6: of a job's first images, the
/// noise, what the network took it for at some places along the chain (x̂₀), and the sample.
///
/// What was seen is a part of a batch's state: it is stored with its chains and with its samples.

import Diffusion
import DurableIO
import Images
import ModelConfig
import TensorCore
import TensorFiles

/// Which views of the chains are kept, and the picture made of them.
struct ProgressiveStrip: Sendable {
  private let parameterization: Parameterization
  /// Those of the sampler.
  private let timesteps: [Int]
  /// The places at which x̂₀ is kept.
  private let positions: [Int]
  /// 1×H×W×C.
  private let imageShape: Shape

  /// The job's images of which views are kept.
  private static let images = 0..<8

  /// - views: how many x̂₀ are kept of an image, evenly along the chain, the first at its first step;
  ///   never more than one a step.
  init(
    views: Int, _ sampler: any Sampler, _ scheduler: SchedulerConfig, imageShape: Shape
  ) {
    parameterization = Parameterization(
      GaussianDiffusion(NoiseSchedule(scheduler)), scheduler.predictionType)
    timesteps = sampler.timesteps
    self.imageShape = imageShape
    let (count, steps) = (min(views, sampler.timesteps.count), sampler.timesteps.count)
    positions = (0..<count).map { $0 * steps / count }
  }

  /// Views of an image: the noise before all x̂₀.
  private var columns: Int { positions.isEmpty ? 0 : 1 + positions.count }

  /// How many views are kept of a batch.
  func count(in batch: Range<Int>) -> Int { batch.clamped(to: Self.images).count * columns }

  /// Room for the views of a batch; nil if none are kept.
  func views(of batch: Range<Int>) -> ChainViews? {
    let (count, shape) = (count(in: batch), imageShape)
    guard count > 0 else { return nil }
    let memory = FloatBuffer(count: count * shape.count)
    let views = memory.tensor(at: 0, Shape(count, shape.h, shape.w, shape.c))
    return ChainViews(memory: memory, all: views) { image, position, x, output in
      guard Self.images.contains(image) else { return }
      let first = (image - batch.lowerBound) * columns
      func view(_ column: Int) -> Tensor { views.images(first + column..<first + column + 1) }
      if position == 0 { copy(x, into: view(0)) }
      guard let column = positions.firstIndex(of: position) else { return }
      parameterization.data(output, x: x, t: timesteps[position] + 1, into: view(1 + column))
    }
  }

  /// Writes `progressive.png`: a row for each image, with the sample at the right.
  ///
  /// - withArray: also writes `progressive.npy`, uint8 image×view×H×W×C.
  func write(_ samples: SampleStore, to folder: String, withArray: Bool) throws {
    guard columns > 0 else { return }
    var (pictures, captions): ([Image], [String]) = ([], [])
    for batch in samples.batches where !batch.clamped(to: Self.images).isEmpty {
      let views = try samples.views(batch)
      for (row, sample) in try samples.images(batch).prefix(views.count / columns).enumerated() {
        pictures += views[row * columns..<(row + 1) * columns] + [sample]
        captions += ["noise"] + positions.map { "t=\(timesteps[$0] + 1)" } + ["sample"]
      }
    }
    try Pictures.writeTable(
      pictures, captions: captions, columns: columns + 1, to: folder + "/progressive.png")
    guard withArray else { return }
    let (row, shape) = (columns + 1, imageShape)
    try unsafe writeNpy(
      to: folder + "/progressive.npy",
      shape: [pictures.count / row, row, shape.h, shape.w, shape.c]
    ) { (index, pixels: UnsafeMutableBufferPointer<UInt8>) in
      let views = pictures[index * row..<(index + 1) * row]
      unsafe _ = pixels.update(fromContentsOf: views.flatMap(\.pixels))
    }
  }
}

/// The views of one batch while it is drawn.
struct ChainViews {
  /// Owns `all`.
  let memory: FloatBuffer
  /// M×H×W×C, image after image.
  let all: Tensor
  /// Keeps what is to be kept.
  let observer: SamplingBatch.Observer
}
