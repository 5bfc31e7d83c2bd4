/// Measures how well a model explains images: the variational bound of Ho et al. (2020), term by
/// term, in bits per dimension.
public struct EvaluateSpec: Equatable, Sendable {
  /// What to evaluate.
  public var model: ModelReference
  /// The images. They are taken in an order that the seed decides, so that a budget measures a
  /// random part of them and a larger budget goes on from a smaller one.
  public var dataset: DatasetSpec
  /// Which of the model's weights; nil takes what there is.
  public var weights: [Weights]?
  /// Where to end before the data set does.
  public var budget = EvaluationBudget()
  /// Timesteps at which an image is scored, drawn one from each of as many parts of the chain:
  /// an unbiased estimate. Nil scores every timestep, which is exact.
  public var timesteps: Int?
  /// Images scored between two readings of the data. Does not change the result.
  public var batchSize = 16
  /// Threads of the worker; nil takes all the daemon allows. Does not change the result.
  public var threads: Int?

  /// Of a train job that keeps an average of its weights there are two models.
  public enum Weights: String, CaseIterable, Sendable {
    /// The averaged weights, which samples are drawn with.
    case ema
    /// The plain weights, in the model's folder `raw/`.
    case raw
  }

  /// An exact evaluation on a whole data set.
  public init(model: ModelReference, dataset: DatasetSpec) {
    self.model = model
    self.dataset = dataset
  }
}

/// An evaluation ends with the data set, or with the first of these that is reached.
public struct EvaluationBudget: Equatable, Sendable {
  /// Images at most.
  public var images: Int?
  /// Minutes of work at most, those before an interruption included; one image is always scored.
  public var minutes: Double?

  /// No limits.
  public init() {}
}
