/// What a job came to, or has come to so far, in the numbers that jobs are compared by.

import DurableIO
import Jobs
import Spool
import StrictJSON

struct JobOutcome {
  /// A value with its step.
  typealias Score = (step: Int, value: Double)

  /// Of the training loss, over so many steps in a row: the last ones, and those where it is lowest,
  /// by their last step.
  struct TrainingLoss {
    let steps: Int
    let last: Double
    let best: Score
  }

  let state: String
  let progress: Progress?
  /// Nil before the first step.
  let trainingLoss: TrainingLoss?
  let lastHeldOut: Score?
  let bestHeldOut: Score?
  /// Of a train job as the newest evaluate job measured it, which has that number.
  let likelihood: (record: EvaluationRecord, job: Int)?
  let imagesPerSecond: Double?
  let secondsRun: Double

  /// Steps that the training loss is averaged over, if there are so many.
  private static let lossWindow = 100

  /// Reads the records of a job; `evaluations` are finished evaluate jobs by rising number.
  init(_ view: JobView, evaluations: [JobView]) throws {
    state = view.stateText
    progress = view.progress
    secondsRun = view.secondsRun
    let record = try attempt { try TrainingRecord(view.directory) }
    let losses = record.points(.loss)
    let window = min(Self.lossWindow, losses.count)
    let means = Self.means(losses, window: window)
    trainingLoss = means.min { $0.value < $1.value }.flatMap { best in
      means.last.map { TrainingLoss(steps: window, last: $0.value, best: best) }
    }
    let heldOut = record.decisiveHeldOut.map { (step: Int($0.x), value: $0.y) }
    lastHeldOut = heldOut.last
    bestHeldOut = heldOut.min { $0.value < $1.value }
    let speeds = record.points(.imagesPerSecond).map(\.y).sorted()
    imagesPerSecond =
      speeds.isEmpty ? view.job.progress?.imagesPerSecond : speeds[speeds.count / 2]
    let measured = evaluations.last { view.id == $0.id || $0.measures(view) }
    likelihood = measured.flatMap { job in
      EvaluationRecord(job.directory).map { ($0, job.id) }
    }
  }

  /// The means over `window` values in a row.
  private static func means(_ points: [TrainingRecord.Point], window: Int) -> [Score] {
    var (sum, means): (Double, [Score]) = (0, [])
    for (index, point) in points.enumerated() {
      sum += point.y
      if index >= window { sum -= points[index - window].y }
      if index >= window - 1 { means.append((Int(point.x), sum / Double(window))) }
    }
    return means
  }

  /// What there is to say, with a name for each; the names are the same for every job.
  var facts: [(name: String, value: String)] {
    func text(_ score: Score?) -> String {
      score.map { "\(significant($0.value, digits: 4)) at step \($0.step)" } ?? ""
    }
    func mean(_ value: (TrainingLoss) -> String) -> String {
      trainingLoss.map { "\(value($0)), mean of \($0.steps) step\($0.steps == 1 ? "" : "s")" } ?? ""
    }
    return [
      ("state", state),
      ("done", progress.map { "\($0.step)/\($0.steps)" } ?? ""),
      ("time", secondsRun > 0 ? durationText(seconds: secondsRun) : ""),
      ("images/s", imagesPerSecond.map { significant($0, digits: 3) } ?? ""),
      ("training loss, last", mean { significant($0.last, digits: 4) }),
      ("training loss, best", mean { text($0.best) }),
      ("held-out loss, last", text(lastHeldOut)),
      ("held-out loss, best", text(bestHeldOut)),
    ]
      + (likelihood?.record.models ?? []).map { model in
        ("NLL of \(model.weights), bits/dim", model.nll.text)
      }
  }

  /// The same for scripts; what is not known is null.
  var json: JSONValue {
    func json(_ score: Score?) -> JSONValue {
      score.map { ["step": .integer($0.step), "value": .double($0.value)] } ?? nil
    }
    func json(_ value: Double?) -> JSONValue { value.map { .double($0) } ?? nil }
    let lossSteps: JSONValue = trainingLoss.map { .integer($0.steps) } ?? nil
    return [
      "state": .string(state), "progress": progress?.json ?? nil,
      "seconds_run": .double(secondsRun), "images_per_second": json(imagesPerSecond),
      "last_loss": json(trainingLoss?.last), "best_loss": json(trainingLoss?.best),
      "loss_steps": lossSteps,
      "last_held_out": json(lastHeldOut), "best_held_out": json(bestHeldOut),
      "likelihood": likelihood.map { likelihood in
        [
          "job": .integer(likelihood.job),
          "results": .array(
            likelihood.record.models.map { model in
              [
                "weights": .string(model.weights), "bits_per_dim": .double(model.nll.bits),
                "standard_error": json(model.nll.error),
              ]
            }),
        ]
      } ?? nil,
    ]
  }
}

extension JobView {
  /// Whether this evaluate job read the model of `job`.
  fileprivate func measures(_ job: JobView) -> Bool {
    guard let manifest = try? readFile(directory.results + "/manifest.json"),
      let json = try? JSONValue(parsing: manifest)
    else { return false }
    return json["inputs"]?["model"]?.string == job.directory.results
  }
}

extension SpoolOptions {
  /// The finished evaluate jobs, by rising number. Of other jobs nothing is read.
  func evaluations() throws -> [JobView] {
    try attempt {
      try JobQueue(layout).ids(in: .done).filter { id in
        try Directory.exists(EvaluationRecord.path(in: layout.jobDirectory(id)))
      }.compactMap { try reader.job($0) }
    }.map(view)
  }
}
