/// The files that an evaluation results in: `evaluation.json` with all numbers, the same as tables
/// in `terms.csv` and `rate_distortion.csv`, and as plots in `terms.png` and `rate_distortion.png`.
///
/// The bytes are a function of what was measured; times and paths of the machine do not enter.

import Diffusion
import DurableIO
import Images
import Jobs
import StrictJSON

/// What an evaluation found, ready to be written.
struct EvaluationReport {
  /// The value of `schema` in `evaluation.json`.
  static let schema = "ddpm.evaluation/1"

  /// The job's name.
  let title: String
  /// The names of the models' weights.
  let names: [String]
  /// Images in the data set.
  let datasetImages: Int
  /// D, numbers in an image.
  let dimensions: Int
  let strata: TimestepStrata
  let state: EvaluationState

  /// Writes all files into the folder `folder`.
  func write(to folder: String) throws(SystemError) {
    func write(_ text: String, _ name: String) throws(SystemError) {
      try AtomicFile.write(text, to: "\(folder)/\(name)", synced: false)
    }
    try write(json.serialized(pretty: true) + "\n", "evaluation.json")
    try write(termsTable, "terms.csv")
    try write(rateDistortionTable, "rate_distortion.csv")
    for (name, plot) in [("terms", termsPlot), ("rate_distortion", rateDistortionPlot)] {
      try AtomicFile.write(encodePNG(plot.image), to: "\(folder)/\(name).png", synced: false)
    }
  }

  // MARK: JSON

  var json: JSONValue {
    var object: JSONObject = [
      "schema": .string(Self.schema),
      "images": .integer(state.images),
      "dataset_images": .integer(datasetImages),
      "dimensions": .integer(dimensions),
      "timesteps": [
        "chain": .integer(strata.ranges[0].upperBound),
        "per_image": .integer(strata.ranges.count),
        "exact": .bool(strata.isExact),
      ],
      "units": [
        "bits_per_dim": "nats / (dimensions · ln 2), mean over the images",
        "rmse": "root of the mean squared error of x̂₀, pixels on the scale of 0–255",
        "standard_error": "of the mean over the images; null for one image",
      ],
      "results": .array(zip(names, state.totals).map { result(weights: $0, $1) }),
    ]
    if names.count == 2 {
      var difference = estimate(state.difference)
      difference["of"] = .string("\(names[1]) minus \(names[0])")
      object["difference"] = .object(difference)
    }
    return .object(object)
  }

  private func result(weights: String, _ totals: BoundTotals) -> JSONValue {
    let curve = totals.rateDistortion
    return [
      "weights": .string(weights),
      "nll": .object(estimate(totals.total)),
      "prior": .object(estimate(totals.prior)),
      "transitions": .object(estimate(totals.transitions)),
      "decoder": .object(estimate(totals.decoder)),
      "rate": [
        "bits_per_dim": .double(totals.prior.mean + totals.transitions.mean),
        "rmse": .double(curve[curve.count - 1].rmse),
      ],
      "terms": .array(
        strata.ranges.indices.map { part in
          let (range, point) = (strata.ranges[part], curve[part])
          return [
            "first_t": .integer(range.lowerBound), "last_t": .integer(range.upperBound),
            "bits_per_dim": .double(totals.terms[part].mean),
            "standard_error": number(totals.terms[part].standardError),
            "rate": .double(point.rate), "rmse": .double(point.rmse),
            "rmse_standard_error": number(point.rmseStandardError),
          ]
        }),
    ]
  }

  private func estimate(_ moments: Moments) -> JSONObject {
    [
      "bits_per_dim": .double(moments.mean), "standard_error": number(moments.standardError),
    ]
  }

  private func number(_ value: Double?) -> JSONValue {
    value.map { .double($0) } ?? .null
  }

  // MARK: Tables

  private var termsTable: String {
    table("weights,first_t,last_t,bits_per_dim,standard_error,images") { totals in
      totals.terms.map { "\($0.mean),\(text($0.standardError)),\($0.count)" }
    }
  }

  private var rateDistortionTable: String {
    table("weights,first_t,last_t,rate_bits_per_dim,rmse,rmse_standard_error") { totals in
      totals.rateDistortion.map { "\($0.rate),\($0.rmse),\(text($0.rmseStandardError))" }
    }
  }

  /// A line for every model and part of the chain, under a heading.
  ///
  /// - cells: the last cells of a model's lines.
  private func table(_ heading: String, cells: (BoundTotals) -> [String]) -> String {
    var lines = [heading]
    for (name, totals) in zip(names, state.totals) {
      for (range, cells) in zip(strata.ranges, cells(totals)) {
        lines.append("\(name),\(range.lowerBound),\(range.upperBound),\(cells)")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func text(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }

  // MARK: Plots

  private var termsPlot: Plot {
    Plot(
      title: title, xLabel: "t", yLabel: "L(t-1), bits/dim",
      curves: zip(names, state.totals).map { name, totals in
        Plot.Curve(
          name,
          strata.ranges.indices.reversed().map { part in
            let range = strata.ranges[part]
            return (
              x: Double(range.lowerBound + range.upperBound) / 2,
              y: totals.terms[part].mean / Double(range.count)
            )
          })
      })
  }

  private var rateDistortionPlot: Plot {
    Plot(
      title: title, xLabel: "rate, bits/dim", yLabel: "distortion, RMSE of 0-255",
      curves: zip(names, state.totals).map { name, totals in
        Plot.Curve(name, totals.rateDistortion.map { (x: $0.rate, y: $0.rmse) })
      }, isLogarithmic: false)
  }
}
