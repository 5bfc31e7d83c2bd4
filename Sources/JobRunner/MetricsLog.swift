import DurableIO
import StrictJSON
import Training

/// `metrics.jsonl`: one line an optimizer step, in order, without gaps.
///
///     {"step": 12, "loss": 0.31, "gradient_norm": 1.2, "learning_rate": 0.0001, "images_per_second": 410}
///
/// Opening drops the lines behind the checkpoint that the run continues from, so that an
/// interrupted run leaves the lines of one left alone. The losses are kept for the plot.
final class MetricsLog {
  private let log: AppendLog
  /// The loss of every step so far.
  private(set) var losses: [Double] = []

  /// Opens the log at `path` for a run that continues after `step`.
  init(path: String, after step: Int) throws(SystemError) {
    log = try AppendLog(path)
    var losses: [Double] = []
    try log.truncate { line in
      guard let json = try? JSONValue(parsing: Array(line.utf8)),
        let number = json["step"]?.int, number <= step
      else { return true }
      losses.append(json["loss"]?.double ?? .nan)
      return false
    }
    self.losses = losses
  }

  /// Adds the line of a step.
  func append(_ report: StepReport, imagesPerSecond: Double) throws(SystemError) {
    losses.append(report.loss)
    let line: JSONValue = [
      "step": .integer(report.step), "loss": .double(report.loss),
      "gradient_norm": .double(report.gradientNorm),
      "learning_rate": .double(report.learningRate),
      "images_per_second": .double((imagesPerSecond * 10).rounded() / 10),
    ]
    try log.append(line.serialized())
  }

  /// Returns when all lines are on disk.
  func sync() throws(SystemError) { try log.sync() }
}
