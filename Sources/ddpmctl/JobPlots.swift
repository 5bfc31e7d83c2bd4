/// Which curves show a job.

import Images
import Jobs
import StrictJSON

/// What `plot` can show.
enum PlottedMetric: String, CaseIterable {
  case loss
  case heldOut = "held-out"
  case gradientNorm = "gradient-norm"
  case learningRate = "learning-rate"
  case imagesPerSecond = "images-per-second"

  /// What a curve of it is called.
  fileprivate var name: String { self == .loss ? "training loss" : rawValue }

  fileprivate var recorded: TrainingRecord.Metric? {
    switch self {
    case .loss: .loss
    case .heldOut: nil
    case .gradientNorm: .gradientNorm
    case .learningRate: .learningRate
    case .imagesPerSecond: .imagesPerSecond
    }
  }
}

/// A train job with what it has recorded.
struct TrainedJob {
  /// How the key calls it, if there are several: "fashion-mnist (3)".
  let name: String
  let spec: TrainSpec
  let record: TrainingRecord
}

/// The curves of train jobs.
struct TrainingPlots {
  let title: String
  let jobs: [TrainedJob]
  /// Steps that a mean is taken of; 0 shows the values themselves, nil chooses.
  var smoothing: Int?
  /// Nil takes what suits the metric.
  var isLogarithmic: Bool?

  /// - showsEach: whether the values show below their average, where one job leaves room for it.
  func plot(_ metric: PlottedMetric, showsEach: Bool) -> Plot {
    let curves = jobs.flatMap { self.curves(metric, of: $0, showsEach: showsEach) }
    return Plot(
      title: title, xLabel: "optimizer step", yLabel: label(metric), curves: curves,
      isLogarithmic: isLogarithmic ?? (metric == .loss || metric == .heldOut))
  }

  private func curves(
    _ metric: PlottedMetric, of job: TrainedJob, showsEach: Bool
  ) -> [Plot.Curve] {
    func named(_ name: String) -> String {
      jobs.count == 1 ? name : name.isEmpty ? job.name : "\(job.name), \(name)"
    }
    let scores = ["ema", "raw"].compactMap { weights in
      job.record.heldOut[weights].map { Plot.Curve(named("held-out \(weights)"), $0) }
    }
    guard let recorded = metric.recorded else { return scores }
    let points = job.record.points(recorded)
    let curve =
      if metric == .learningRate || smoothing == 0 {
        Plot.Curve(named(jobs.count == 1 ? metric.name : ""), points)
      } else {
        Plot.Curve.average(
          named(jobs.count == 1 ? "\(metric.name), moving average" : ""), points,
          window: smoothing)
      }
    let isSmooth = metric == .learningRate || smoothing == 0
    return [showsEach && jobs.count == 1 && !isSmooth ? curve.showingEach() : curve]
      + (metric == .loss ? scores : [])
  }

  private func label(_ metric: PlottedMetric) -> String {
    switch metric {
    case .loss:
      // Curves in different units still go into one plot, but not under one unit.
      Set(jobs.map(\.spec.loss.kind.unit)).count == 1
        ? "loss, \(jobs[0].spec.loss.kind.unit)" : "loss"
    case .heldOut: "held-out loss, mean squared error"
    case .gradientNorm: "gradient norm, L2"
    case .learningRate: "learning rate"
    case .imagesPerSecond: "images per second"
    }
  }
}

extension LossSpec.Kind {
  fileprivate var unit: String {
    switch self {
    case .simple: "mean squared error"
    case .minSNR: "weighted squared error"
    case .vlb: "bits/dim"
    case .hybrid: "squared error and bound"
    }
  }
}
