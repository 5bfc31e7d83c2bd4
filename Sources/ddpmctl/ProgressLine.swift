import Jobs

/// One line that shows how far a job is, with a bar where it is redrawn.
struct ProgressLine {
  /// "train fashion-mnist (job 3)".
  var title: String
  /// "job 3", for where there is little room.
  var shortTitle: String
  /// "step" or "image": what is counted.
  var unit: String
  var progress: Progress

  /// "train fashion-mnist (job 3): 45%, step 270/600, loss 0.0312, 41.3 images/s, 1 min 20 s left".
  var plain: String { "\(title): \(facts.joined(separator: ", "))" }

  /// The line with a bar, shorter than `width` characters: a terminal moves on to the next line
  /// when its last column is filled.
  func bar(width: Int, unicode: Bool) -> String {
    let text = " " + facts.joined(separator: "  ")
    for (title, shortest) in [(title, 20), (shortTitle, 8)] {
      let length = min(width - 1 - title.count - 1 - text.count, 40)
      guard length >= shortest else { continue }
      let filled = Int(fraction * Double(length))
      let (full, empty) = unicode ? ("█", "░") : ("#", "-")
      return title + " " + String(repeating: full, count: filled)
        + String(repeating: empty, count: length - filled) + text
    }
    return String("\(shortTitle)\(text)".prefix(max(width - 1, 0)))
  }

  /// What is known, in words.
  var facts: [String] {
    [
      "\(Int(fraction * 100))%", "\(unit) \(progress.step)/\(progress.steps)",
      qualityText(progress),
      progress.imagesPerSecond.map { "\(significant($0, digits: 3)) images/s" },
      progress.secondsLeft.map { "\(durationText(seconds: $0)) left" },
    ].compactMap { $0 }
  }

  private var fraction: Double {
    progress.steps > 0 ? min(max(Double(progress.step) / Double(progress.steps), 0), 1) : 0
  }
}
