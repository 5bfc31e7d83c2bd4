/// Draws images from a trained model.
public struct SampleSpec: Equatable, Sendable {
  /// What to draw from.
  public var model: ModelReference
  /// Number of images.
  public var count: Int
  /// Images drawn between two checkpoints. Does not change the result.
  public var batchSize = 64
  /// How noise becomes an image.
  public var sampler = SamplerSpec.ddpm
  /// A `.npy` file of float32, count×C×H×W, to start from instead of the seed's noise.
  public var initialNoise: String?
  /// What the results hold.
  public var output = OutputSpec()
  /// Threads of the worker; nil takes all the daemon allows. Does not change the result.
  public var threads: Int?

  /// A sample job with the default sampler and output.
  public init(model: ModelReference, count: Int) {
    self.model = model
    self.count = count
  }
}

/// The model a job works with.
public enum ModelReference: Equatable, Sendable {
  /// The result of an earlier job, by number.
  case job(Int)
  /// The result of the newest finished train job of that name.
  case jobNamed(String)
  /// A diffusers folder.
  case path(String)
}

/// How x_T becomes x₀.
public enum SamplerSpec: Equatable, Sendable {
  /// Algorithm 2 over the full chain.
  case ddpm
  /// DDIM (Song et al. 2021) over `steps` of the T steps; η = 0 is deterministic, 1 ancestral.
  case ddim(steps: Int, eta: Double)
}

/// What a sample job leaves in its results.
public struct OutputSpec: Equatable, Sendable {
  /// A form in which samples are written.
  public enum Format: String, CaseIterable, Sendable {
    /// One PNG file an image.
    case png
    /// One `samples.npy`, uint8 N×H×W×C.
    case npy
    /// One `grid.png` with all images.
    case grid
  }
  /// Forms of the samples, each at most once.
  public var formats: [Format] = [.png, .grid]

  /// The defaults.
  public init() {}
}
