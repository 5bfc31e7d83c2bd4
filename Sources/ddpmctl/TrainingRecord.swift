/// What a train job's worker has recorded so far, read while it may still be writing.

import DurableIO
import Jobs
import StrictJSON

/// The numbers of `metrics.jsonl` and `heldout.jsonl`, each with the optimizer step it belongs to.
struct TrainingRecord {
  /// What is recorded with every step.
  enum Metric: String, CaseIterable {
    case loss
    case gradientNorm = "gradient_norm"
    case learningRate = "learning_rate"
    case imagesPerSecond = "images_per_second"
  }

  typealias Point = (x: Double, y: Double)

  private(set) var steps: [Metric: [Point]] = [:]
  /// By weights, "ema" or "raw".
  private(set) var heldOut: [String: [Point]] = [:]

  /// The record in a job's folder; empty before the first step.
  init(_ directory: JobDirectory) throws(SystemError) {
    for line in try AppendLog.lines(of: directory.metrics) {
      guard let (step, values) = Self.read(line) else { continue }
      for metric in Metric.allCases {
        if let value = values[metric.rawValue]?.double {
          steps[metric, default: []].append((step, value))
        }
      }
    }
    for line in try AppendLog.lines(of: directory.heldOut) {
      guard let (step, values) = Self.read(line) else { continue }
      for weights in ["ema", "raw"] {
        if let value = values[weights]?.double {
          heldOut[weights, default: []].append((step, value))
        }
      }
    }
  }

  private static func read(_ line: String) -> (step: Double, values: JSONValue)? {
    guard let json = try? JSONValue(parsing: Array(line.utf8)), let step = json["step"]?.int else {
      return nil
    }
    return (Double(step), json)
  }

  func points(_ metric: Metric) -> [Point] { steps[metric] ?? [] }

  /// The scores that checkpoints are compared by: of the averaged weights where there are any.
  var decisiveHeldOut: [Point] { heldOut["ema"] ?? heldOut["raw"] ?? [] }
}
