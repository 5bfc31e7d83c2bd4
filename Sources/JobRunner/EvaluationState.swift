/// What an evaluation has found so far: a value that is stored exactly, numbers in Double as the
/// shortest decimals that read back the same.

import Diffusion
import StrictJSON

/// The totals of all models over the images that are finished.
struct EvaluationState: Equatable {
  /// For each model.
  private(set) var totals: [BoundTotals]
  /// The second model's bound minus the first one's, image by image: the noise is the same, so it
  /// is known far better than either.
  private(set) var difference = Moments()

  /// Of no images.
  init(_ strata: TimestepStrata, models: Int) {
    totals = Array(repeating: BoundTotals(strata), count: models)
  }

  /// Images that are finished.
  var images: Int { totals[0].total.count }

  /// Takes in one more image; returns whether its bound is finite for all models.
  ///
  /// - values: for each model, as `BoundTotals.add` takes them.
  mutating func add(prior: Double, values: [[Float]]) -> Bool {
    let bounds = totals.indices.map { totals[$0].add(prior: prior, values: values[$0]) }
    if bounds.count == 2 { difference.add(bounds[1] - bounds[0]) }
    return bounds.allSatisfy(\.isFinite)
  }

  var json: JSONValue {
    .array(
      (totals.map(\.numbers) + [[difference.stored]])
        .map { .array($0.map { .array($0.map { .double($0) }) }) })
  }

  /// Reads what `json` writes; nil for what is of other timesteps or models.
  init?(_ json: JSONValue?, _ strata: TimestepStrata, models: Int) {
    let numbers = json?.array?.map {
      ($0.array ?? []).map { ($0.array ?? []).compactMap(\.double) }
    }
    guard let numbers, numbers.count == models + 1,
      let difference = numbers.last?.first.flatMap({ Moments(stored: $0) })
    else { return nil }
    let totals = numbers.prefix(models).compactMap { BoundTotals(strata, numbers: $0) }
    guard totals.count == models else { return nil }
    self.totals = totals
    self.difference = difference
  }
}
