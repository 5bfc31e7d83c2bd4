import Jobs

/// What a finished evaluate job found, in a line:
/// "ema 3.412 ± 0.021, raw 3.467 ± 0.022 bits/dim on 1000 images".
///
/// Nil for results without an `evaluation.json` of the kind that is known here.
func evaluationLine(_ directory: JobDirectory) -> String? {
  guard let record = EvaluationRecord(directory) else { return nil }
  return record.models.map { "\($0.weights) \($0.nll.text)" }.joined(separator: ", ")
    + " bits/dim on \(record.images) image\(record.images == 1 ? "" : "s")"
}
