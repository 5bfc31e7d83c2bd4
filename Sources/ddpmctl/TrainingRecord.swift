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

  private var metrics: NewLines
  private var scores: NewLines

  /// The record in a job's folder; empty before the first step.
  init(_ directory: JobDirectory) throws(SystemError) {
    metrics = NewLines(path: directory.metrics)
    scores = NewLines(path: directory.heldOut)
    try update()
  }

  /// Reads what has been added since.
  mutating func update() throws(SystemError) {
    for line in try metrics.read() {
      guard let (step, values) = Self.read(line) else { continue }
      for metric in Metric.allCases {
        if let value = values[metric.rawValue]?.double {
          Self.add((step, value), to: &steps[metric, default: []])
        }
      }
    }
    for line in try scores.read() {
      guard let (step, values) = Self.read(line) else { continue }
      for weights in ["ema", "raw"] {
        if let value = values[weights]?.double {
          Self.add((step, value), to: &heldOut[weights, default: []])
        }
      }
    }
  }

  /// A run that goes on from a checkpoint does the steps behind it anew.
  private static func add(_ point: Point, to points: inout [Point]) {
    while let last = points.last, last.x >= point.x { points.removeLast() }
    points.append(point)
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

/// What is added to a file of lines from one look to the next.
private struct NewLines {
  let path: String
  /// Bytes read.
  private var position = 0

  init(path: String) { self.path = path }

  /// The whole lines behind those read before; all of them where the file has been cut.
  mutating func read() throws(SystemError) -> [String] {
    guard try Directory.exists(path) else { return [] }
    let file = try OpenFile(reading: path)
    let size = try file.status().size
    if size < position { position = 0 }
    var bytes = [UInt8](repeating: 0, count: size - position)
    let start = position
    let count = try unsafe bytes.withUnsafeMutableBufferPointer { (buffer) throws(SystemError) in
      try unsafe file.read(into: UnsafeMutableRawBufferPointer(buffer), at: start)
    }
    guard let end = bytes[..<count].lastIndex(of: UInt8(ascii: "\n")) else { return [] }
    position += end + 1
    return bytes[..<end].split(separator: UInt8(ascii: "\n")).map {
      String(decoding: $0, as: UTF8.self)
    }
  }
}
