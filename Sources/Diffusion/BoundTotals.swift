/// The variational bound of one model over images, added up image by image: L_T + Σ Lₜ₋₁ + L₀,
/// equations (13)–(14), with every term, its standard error over the images, and the
/// rate–distortion curve of Ho et al. (2020), section 4.3. Bits are per dimension.
public struct BoundTotals: Equatable, Sendable {
  /// The parts of the chain that have a term each.
  public let strata: TimestepStrata
  /// L, the bound on the negative log-likelihood, of an image.
  public private(set) var total = Moments()
  /// L_T, which no network has a part in.
  public private(set) var prior = Moments()
  /// Σ Lₜ₋₁ over t = 2…T.
  public private(set) var transitions = Moments()
  /// For each part: the sum of its terms, estimated by one of them times their number.
  public private(set) var terms: [Moments]
  /// For each part: the mean squared error of x̂₀ on the scale of 0–255.
  public private(set) var squaredErrors: [Moments]

  /// Of no images.
  public init(_ strata: TimestepStrata) {
    self.strata = strata
    terms = strata.ranges.map { _ in Moments() }
    squaredErrors = terms
  }

  /// L₀, the decoder's term.
  public var decoder: Moments { terms[terms.count - 1] }

  /// Takes in one more image, and returns its bound.
  ///
  /// - prior: its L_T.
  /// - values: for each part the term of one timestep and the mean squared error of x̂₀ with pixels
  ///   in [−1, 1], as in `BoundBatch.values`.
  @discardableResult
  public mutating func add(prior: Double, values: [Float]) -> Double {
    precondition(values.count == 2 * terms.count, "every part has a term and an error")
    var transitions = 0.0
    for (part, range) in strata.ranges.enumerated() {
      let term = Double(values[2 * part]) * Double(range.count)
      terms[part].add(term)
      squaredErrors[part].add(Double(values[2 * part + 1]) * 127.5 * 127.5)
      if range.lowerBound > 1 { transitions += term }
    }
    let total = prior + transitions + Double(values[2 * terms.count - 2])
    self.prior.add(prior)
    self.transitions.add(transitions)
    self.total.add(total)
    return total
  }

  /// What a receiver of a progressive code knows at xₜ, for each part in the order of the reverse
  /// chain: the bits received so far, L_T + Σ_{s>t} Lₛ₋₁, and how far x̂₀ is off.
  ///
  /// In a part of several timesteps t is one of them by chance: on average half of the others have
  /// been received.
  public var rateDistortion: [(rate: Double, rmse: Double, rmseStandardError: Double?)] {
    var received = prior.mean
    return strata.ranges.indices.map { part in
      let size = Double(strata.ranges[part].count)
      let rate = received + terms[part].mean * (size - 1) / (2 * size)
      received += terms[part].mean
      let rmse = squaredErrors[part].mean.squareRoot()
      return (rate, rmse, squaredErrors[part].standardError.map { $0 / (2 * rmse) })
    }
  }

  // MARK: Storing

  /// All numbers, to be stored exactly.
  public var numbers: [[Double]] { all.map(\.stored) }

  /// Totals from their `numbers`; nil if these are of other parts.
  public init?(_ strata: TimestepStrata, numbers: [[Double]]) {
    self.init(strata)
    let moments = numbers.compactMap { Moments(stored: $0) }
    guard numbers.count == all.count, moments.count == all.count else { return nil }
    (total, prior, transitions) = (moments[0], moments[1], moments[2])
    terms = Array(moments[3..<3 + terms.count])
    squaredErrors = Array(moments[(3 + terms.count)...])
  }

  private var all: [Moments] { [total, prior, transitions] + terms + squaredErrors }
}
