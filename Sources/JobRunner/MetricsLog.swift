import DurableIO
import StrictJSON
import Training

/// `metrics.jsonl`: one line an optimizer step, in order, without gaps.
///
///     {"step": 12, "loss": 0.31, "gradient_norm": 1.2, "learning_rate": 0.0001, "images_per_second": 410}
///
/// Opening drops the lines behind the checkpoint that the run continues from, so that an
/// interrupted run leaves the lines of one left alone. The losses are kept for the plot. TensorBoard's
/// file gets a copy of every line.
final class MetricsLog {
  private let log: AppendLog
  private let tensorBoard: TensorBoardLog
  /// The loss of every step so far.
  private(set) var losses: [Double] = []

  /// Opens the log at `path` for a run that continues after `step`.
  init(path: String, after step: Int, copyingTo tensorBoard: TensorBoardLog) throws(SystemError) {
    log = try AppendLog(path)
    self.tensorBoard = tensorBoard
    var losses: [Double] = []
    var failure: SystemError?
    try log.truncate { line in
      guard let json = try? JSONValue(parsing: Array(line.utf8)),
        let number = json["step"]?.int, number <= step
      else { return true }
      losses.append(json["loss"]?.double ?? .nan)
      do throws(SystemError) {
        if failure == nil { try Self.copy(json, step: number, to: tensorBoard) }
      } catch {
        failure = error
      }
      return false
    }
    if let failure { throw failure }
    self.losses = losses
  }

  private static func copy(
    _ line: JSONValue, step: Int, to tensorBoard: TensorBoardLog
  ) throws(SystemError) {
    let names = ["loss", "gradient_norm", "learning_rate", "images_per_second"]
    try tensorBoard.add(.train, step: step, names.map { ($0, line[$0]?.double ?? .nan) })
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
    try Self.copy(line, step: report.step, to: tensorBoard)
  }

  /// Returns when all lines are on disk.
  func sync() throws(SystemError) { try log.sync() }
}
