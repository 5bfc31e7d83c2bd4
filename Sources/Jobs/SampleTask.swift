/// What a sample job's chains begin from, and what becomes of them on the way.
public enum SampleTask: Equatable, Sendable {
  /// Every chain begins at noise.
  case generate
  /// Chains begin between two diffused images.
  case interpolate(InterpolationSpec)
  /// A part of an image is filled.
  case inpaint(InpaintingSpec)

  /// The files that the task reads, by their keys.
  public var files: [String: String] {
    switch self {
    case .generate: [:]
    case .interpolate(let spec): ["from": spec.from, "to": spec.to]
    case .inpaint(let spec): ["image": spec.image, "mask": spec.mask]
    }
  }
}

/// Ways from one image to another through the model's images: Ho et al. (2020), section 4.4.
public struct InterpolationSpec: Equatable, Sendable {
  /// The image at λ = 0: a PNG or JPEG file.
  public var from: String
  /// The image at λ = 1.
  public var to: String
  /// The depths t, 0 … T, to which both are diffused before they are mixed; each makes a row of
  /// `count` images.
  public var depths: [Int]

  /// Rows of the given depths.
  public init(from: String, to: String, depths: [Int]) {
    self.from = from
    self.to = to
    self.depths = depths
  }
}

/// What is filled, and how: RePaint, Lugmayr et al. (2022), Algorithm 1.
public struct InpaintingSpec: Equatable, Sendable {
  /// The image: a PNG or JPEG file.
  public var image: String
  /// Its mask, of the same size: what is white is filled, what is black is kept.
  public var mask: String
  /// How often each part of the chain is walked (the paper's r, and U in Algorithm 1).
  public var resampling = 10
  /// The steps of such a part (the paper's j).
  public var jumpLength = 10

  /// The settings of the paper.
  public init(image: String, mask: String) {
    self.image = image
    self.mask = mask
  }
}

/// The training images that are most like a sample, by the distance of their pixels.
public struct NeighboursSpec: Equatable, Sendable {
  /// Where they are looked for.
  public var dataset: DatasetSpec
  /// The first so many samples are looked up.
  public var samples = 8
  /// How many neighbours each gets.
  public var count = 5

  /// The neighbours of the first samples in a data set.
  public init(dataset: DatasetSpec) { self.dataset = dataset }
}
