/// Draws images from a trained model.
public struct SampleSpec: Equatable, Sendable {
  /// What to draw from.
  public var model: ModelReference
  /// Number of images; in an interpolation, of each row.
  public var count: Int
  /// Images drawn between two checkpoints. Does not change the result.
  public var batchSize = 64
  /// How noise becomes an image.
  public var sampler = SamplerSpec.ddpm
  /// What the images show, of a class-conditional model: image i shows element i mod n.
  public var classes = ClassSelection.all
  /// How strongly.
  public var guidance = GuidanceSpec()
  /// A `.npy` file of float32, count×C×H×W, to start from instead of the seed's noise.
  public var initialNoise: String?
  /// What the chains begin from.
  public var task = SampleTask.generate
  /// The training images most like the samples, if they are wanted.
  public var neighbours: NeighboursSpec?
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
  /// The result of the newest finished train job of that name that was submitted before.
  case jobNamed(String)
  /// A diffusers folder.
  case path(String)
}

/// The classes that a sample job draws, in turn.
public enum ClassSelection: Equatable, Sendable {
  /// Every class of the model.
  case all
  /// These; one may come more than once.
  case these([ClassReference])
}

/// A class as people name it.
public enum ClassReference: Equatable, Sendable {
  /// Counted from 0.
  case number(Int)
  /// As in the model's `classes.json`.
  case name(String)
}

/// Classifier-free guidance (Ho & Salimans 2022).
public struct GuidanceSpec: Equatable, Sendable {
  /// s in ε_u + s(ε_c − ε_u); 1 guides nothing.
  public var scale = 1.0
  /// φ of Lin et al. (2023).
  public var rescale = 0.0

  /// No guidance.
  public init() {}
}

/// What a sample job leaves in its results.
public struct OutputSpec: Equatable, Sendable {
  /// A form in which samples are written.
  public enum Format: String, CaseIterable, Sendable {
    /// One PNG file an image.
    case png
    /// One `samples.npy`, uint8 N×H×W×C.
    case npy
    /// One `samples-float32.npy`, float32 N×C×H×W in [−1, 1] as the chain ends, not rounded or cut
    /// off.
    case npyFloat = "npy_float"
    /// One `grid.png` with all images.
    case grid
  }
  /// Forms of the samples, each at most once.
  public var formats: [Format] = [.png, .grid]
  /// Of the first images, so many x̂₀ between noise and sample are shown; 0 shows none.
  public var progressive = 0

  /// The defaults.
  public init() {}
}
