/// What an evaluate job found: its `evaluation.json`, as far as ddpmctl shows it.

import DurableIO
import Images
import Jobs
import StrictJSON

struct EvaluationRecord {
  /// A number of bits per dimension with its standard error, which one image has none of.
  struct Estimate {
    let bits: Double
    let error: Double?

    init?(_ json: JSONValue?) {
      guard let bits = json?["bits_per_dim"]?.double else { return nil }
      self.bits = bits
      error = json?["standard_error"]?.double
    }

    /// "3.412 ± 0.021".
    var text: String {
      significant(bits, digits: 4) + (error.map { " ± \(significant($0, digits: 2))" } ?? "")
    }
  }

  /// The terms of the bound, summed over a part of the chain.
  struct Term {
    let timesteps: ClosedRange<Int>
    let bits: Double
    let rate: Double
    let rmse: Double
  }

  struct Model {
    /// "ema" or "raw".
    let weights: String
    let nll: Estimate
    /// By name, in the order in which they add up.
    let parts: [(name: String, estimate: Estimate)]
    let terms: [Term]
  }

  let images: Int
  let models: [Model]

  /// Where a job that evaluates has them, once it is done.
  static func path(in directory: JobDirectory) -> String {
    directory.results + "/evaluation.json"
  }

  /// The results of a job; nil without an `evaluation.json` of the kind that is known here.
  init?(_ directory: JobDirectory) {
    guard let bytes = try? readFile(Self.path(in: directory), limit: 1 << 28),
      let json = try? JSONValue(parsing: bytes), let images = json["images"]?.int
    else { return nil }
    self.images = images
    models = (json["results"]?.array ?? []).compactMap(Model.init)
    if models.isEmpty { return nil }
  }

  /// What each timestep costs.
  func termsPlot(title: String, names: [String], isLogarithmic: Bool = true) -> Plot {
    Plot(
      title: title, xLabel: "timestep t", yLabel: "L(t-1), bits/dim",
      curves: zip(names, models).map { name, model in
        Plot.Curve(
          name,
          model.terms.reversed().map { term in
            let (first, last) = (term.timesteps.lowerBound, term.timesteps.upperBound)
            return (Double(first + last) / 2, term.bits / Double(last - first + 1))
          })
      }, isLogarithmic: isLogarithmic)
  }

  /// What a receiver of a progressive code knows after how many bits.
  func rateDistortionPlot(title: String) -> Plot {
    Plot(
      title: title, xLabel: "rate, bits/dim", yLabel: "distortion, RMSE of 0-255",
      curves: models.map { model in
        Plot.Curve(model.weights, model.terms.map { ($0.rate, $0.rmse) })
      }, isLogarithmic: false)
  }
}

extension EvaluationRecord.Model {
  fileprivate init?(_ json: JSONValue) {
    guard let weights = json["weights"]?.string,
      let nll = EvaluationRecord.Estimate(json["nll"])
    else { return nil }
    self.weights = weights
    self.nll = nll
    parts = [
      ("L_T, prior", "prior"), ("Σ L(t-1), transitions", "transitions"),
      ("L_0, decoder", "decoder"),
    ]
    .compactMap { name, key in EvaluationRecord.Estimate(json[key]).map { (name, $0) } }
    terms = (json["terms"]?.array ?? []).compactMap { term in
      guard let first = term["first_t"]?.int, let last = term["last_t"]?.int, last >= first,
        let bits = term["bits_per_dim"]?.double, let rate = term["rate"]?.double,
        let rmse = term["rmse"]?.double
      else { return nil }
      return EvaluationRecord.Term(timesteps: first...last, bits: bits, rate: rate, rmse: rmse)
    }
  }
}
