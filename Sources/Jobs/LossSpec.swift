public import ModelConfig
import StrictJSON

/// What training minimises (section `loss`).
public struct LossSpec: Equatable, Sendable {
  /// Key `type`, with the keys that belong to it.
  public enum Kind: Equatable, Sendable {
    /// The mean squared error of what the network predicts, L_simple of Ho et al. (2020).
    case simple
    /// Min-SNR-γ weighting of it (Hang et al. 2023).
    case minSNR(gamma: Double)
    /// The variational bound itself.
    case vlb
    /// L_simple for the prediction and `weight` times the bound for the learned variance (Nichol &
    /// Dhariwal 2021).
    case hybrid(vlbWeight: Double)
  }

  /// How the timestep of a training image is drawn.
  public enum Timesteps: String, CaseIterable, Sendable {
    case uniform
    /// In proportion to the root of the mean square of the latest losses at that timestep; the loss
    /// is weighted so that its expectation stays the same.
    case importance
  }

  /// Which loss it is.
  public var kind = Kind.simple
  /// How timesteps are drawn.
  public var timesteps = Timesteps.uniform

  /// L_simple at uniform timesteps.
  public init() {}

  init(_ kind: Kind) { self.kind = kind }
}

extension LossSpec {
  static let codec: JSONCodec<LossSpec> = .variant(
    by: "type",
    [
      kind("simple", .simple, "The mean squared error of what the network predicts (L_simple)."),
      kind(
        "min_snr", .minSNR(gamma: 5),
        "The squared error, weighted down where there is little noise: Hang et al. (2023).",
        Field(
          "gamma", \.gamma, .number(above: 0),
          "The largest weight of the squared error of the predicted image.")),
      kind(
        "vlb", .vlb,
        "The variational bound without its constant part, in bits per dimension: T times the "
          + "term at the timestep drawn."),
      kind(
        "hybrid", .hybrid(vlbWeight: 0.001),
        "L_simple for the prediction, the bound for a learned variance: Nichol & Dhariwal (2021).",
        Field(
          "vlb_weight", \.vlbWeight, .number(above: 0),
          "What the bound in bits per dimension is multiplied with.")),
    ],
    kind: \.name)

  /// The value of `type`.
  private var name: String {
    switch kind {
    case .simple: "simple"
    case .minSNR: "min_snr"
    case .vlb: "vlb"
    case .hybrid: "hybrid"
    }
  }

  private static func kind(
    _ name: String, _ kind: Kind, _ documentation: String, _ fields: Field<LossSpec>...
  ) -> (name: String, codec: ObjectCodec<LossSpec>) {
    (
      name,
      ObjectCodec(
        "Loss \"\(name)\"", defaults: LossSpec(kind),
        fields: [.constant("type", .string(name), required: true, documentation)] + fields + [
          Field(
            "timesteps", \.timesteps, .choice,
            "Whether timesteps are drawn uniformly, or by importance: the more often, the larger "
              + "the latest losses there were.")
        ])
    )
  }

  private var gamma: Double {
    get { if case .minSNR(let gamma) = kind { gamma } else { 0 } }
    set { kind = .minSNR(gamma: newValue) }
  }

  private var vlbWeight: Double {
    get { if case .hybrid(let weight) = kind { weight } else { 0 } }
    set { kind = .hybrid(vlbWeight: newValue) }
  }

  /// What is wrong with `type` for the chain that is trained, if anything is.
  public func problem(with scheduler: SchedulerConfig) -> String? {
    let type = "found \"\(name)\""
    let learned = scheduler.varianceType == .learnedRange
    switch kind {
    case .simple, .minSNR:
      return learned
        ? "\(type), allowed is \"hybrid\" or \"vlb\" where scheduler.variance_type is"
          + " learned_range: no other loss trains the variance" : nil
    case .hybrid where !learned:
      return "\(type), which trains a learned variance, and scheduler.variance_type is"
        + " \(scheduler.varianceType.rawValue); set that to learned_range, or the loss to \"simple\""
    case .vlb, .hybrid:
      return nil
    }
  }
}
