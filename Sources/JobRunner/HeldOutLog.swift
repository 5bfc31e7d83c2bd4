/// `heldout.jsonl`: one line a score of the weights on the held-out images, in order of the steps.
///
///     {"step": 500, "ema": 0.0312, "raw": 0.0347}
///
/// Opening drops the lines behind the checkpoint that the run continues from, so that an
/// interrupted run leaves the lines of one left alone. TensorBoard's file gets a copy of every line.

import DurableIO
import StrictJSON

/// L_simple on the held-out images after some step.
struct HeldOutScore: Equatable {
  var step: Int
  /// Of the averaged weights; nil where no average is kept.
  var ema: Double?
  /// Of the plain weights.
  var raw: Double

  /// What checkpoints are compared by: the score of the weights that become the result.
  var decisive: Double { ema ?? raw }

  var json: JSONObject {
    var json: JSONObject = ["step": .integer(step)]
    if let ema { json["ema"] = .double(ema) }
    json["raw"] = .double(raw)
    return json
  }

  init(step: Int, ema: Double?, raw: Double) {
    (self.step, self.ema, self.raw) = (step, ema, raw)
  }

  /// Reads a line; nil for what is none. A score that is no number reads as NaN.
  init?(line: String) {
    guard let json = try? JSONValue(parsing: Array(line.utf8)), let step = json["step"]?.int
    else { return nil }
    self.init(
      step: step, ema: json["ema"].map { $0.double ?? .nan }, raw: json["raw"]?.double ?? .nan)
  }
}

/// The scores of one run.
final class HeldOutLog {
  private let log: AppendLog
  private let tensorBoard: TensorBoardLog
  /// In order.
  private(set) var scores: [HeldOutScore] = []

  /// Opens the log at `path` for a run that continues after `step`.
  init(path: String, after step: Int, copyingTo tensorBoard: TensorBoardLog) throws(SystemError) {
    log = try AppendLog(path)
    self.tensorBoard = tensorBoard
    var scores: [HeldOutScore] = []
    try log.truncate { line in
      guard let score = HeldOutScore(line: line), score.step <= step else { return true }
      scores.append(score)
      return false
    }
    self.scores = scores
    for score in scores { try copy(score) }
  }

  private func copy(_ score: HeldOutScore) throws(SystemError) {
    let values = [("ema", score.ema), ("raw", score.raw)].compactMap { name, value in
      value.map { (name: name, value: $0) }
    }
    try tensorBoard.add(.heldOut, step: score.step, values)
  }

  /// The first of the best scores.
  var best: HeldOutScore? {
    scores.filter { !$0.decisive.isNaN }.min { $0.decisive < $1.decisive }
  }

  /// Adds a score.
  func append(_ score: HeldOutScore) throws(SystemError) {
    scores.append(score)
    try log.append(JSONValue.object(score.json).serialized())
    try copy(score)
  }

  /// Returns when all lines are on disk.
  func sync() throws(SystemError) { try log.sync() }
}
