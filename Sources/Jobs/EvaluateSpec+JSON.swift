import StrictJSON

// The sections of an evaluate job in JSON.

extension EvaluateSpec {
  /// What the keys that a file must state hold before they are read.
  static let unset = EvaluateSpec(model: .path(""), dataset: TrainSpec.unset.dataset)

  /// What the keys may not say together.
  func checkRules(_ report: (_ key: String, _ message: String) -> Void) {
    if let weights, Set(weights).count < weights.count {
      report("weights", "the same weights are named twice")
    }
    if dataset.horizontalFlip {
      report(
        "dataset",
        "found \"horizontal_flip\": true, allowed is false: images are evaluated as they are")
    }
  }
}

extension EvaluationBudget {
  static let codec = ObjectCodec(
    "Budget of an evaluation", defaults: EvaluationBudget(),
    fields: [
      Field(
        "images", \.images, .optional(.integer(1...Int(Int32.max))),
        "At most so many images are scored."),
      Field(
        "minutes", \.minutes, .optional(.number(above: 0, atMost: 1e6)),
        "No further image is begun after so many minutes of work, those before an interruption "
          + "included. Decides how many images are scored, and nothing else."),
    ])
}
