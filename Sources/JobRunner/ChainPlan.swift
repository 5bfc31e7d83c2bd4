import Diffusion
import GuardedFiles
import Jobs
import ModelConfig
import TensorCore

/// What the chains of a sample job begin from and run through: one kind for each `task`.
protocol ChainPlan {
  /// How many images there are.
  var count: Int { get }
  /// Images of one row begin at one position of the chain; a batch holds images of one row.
  var rowLength: Int { get }
  /// The way that the chains go.
  var sampler: any Sampler { get }

  /// Sets the chains of a new batch to where they begin.
  func begin(_ batch: SamplingBatch) throws

  /// The image whose noise an image takes.
  func noiseIndex(of image: Int) -> Int

  /// Writes the task's own picture of the finished samples into `folder`.
  func writePicture(of samples: SampleStore, to folder: String) throws
}

extension ChainPlan {
  var rowLength: Int { count }

  func noiseIndex(of image: Int) -> Int { image }

  func writePicture(of samples: SampleStore, to folder: String) throws {}

  /// The images in batches of at most `size`.
  func batches(of size: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: rowLength).flatMap { row in
      stride(from: row, to: row + rowLength, by: size).map {
        $0..<min($0 + size, row + rowLength)
      }
    }
  }
}

/// The plan of a job with the model of that scheduler and images of that shape.
///
/// - shape: 1×H×W×C.
func makeChainPlan(
  _ job: JobSpec, _ spec: SampleSpec, _ inputs: JobInputs, _ scheduler: SchedulerConfig,
  _ access: FileAccess, shape: Shape, log: (String) -> Void
) throws(JobFailure) -> any ChainPlan {
  let sampler = try makeSampler(spec.sampler, scheduler, log: log)
  let noise: InitialNoise? =
    if let file = inputs.files["initial_noise"] {
      try InitialNoise(path: file.path, access, count: spec.count, imageShape: shape)
    } else {
      nil
    }
  switch spec.task {
  case .generate:
    return Generation(count: spec.count, sampler: sampler, noise: noise)
  case .interpolate(let task):
    return try Interpolation(
      task, access, count: spec.count, seed: job.seed, sampler, NoiseSchedule(scheduler),
      shape: shape, log: log)
  case .inpaint(let task):
    return try Inpainting(
      task, access, count: spec.count, noise: noise, sampler, NoiseSchedule(scheduler),
      shape: shape)
  }
}

/// Chains that begin at noise: the seed's, or what the user gave.
struct Generation: ChainPlan {
  let count: Int
  let sampler: any Sampler
  let noise: InitialNoise?

  func begin(_ batch: SamplingBatch) throws { try noise?.fill(batch.x, images: batch.images) }
}
