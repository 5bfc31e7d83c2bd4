import Jobs

/// One line that shows how far a job is, with a bar where it is redrawn.
struct ProgressLine {
  var title: String
  var unit: String
  var progress: Progress

  /// "train fashion-mnist (job 3): step 270/600, 45%, loss 0.0312, 41.3 images/s, 1 min 20 s left".
  var plain: String { "\(title): \(facts.joined(separator: ", "))" }

  /// The line with a bar, at most `width` characters long.
  func bar(width: Int, unicode: Bool) -> String {
    let text = "  " + facts.joined(separator: "  ")
    // A terminal moves on when its last column is filled.
    let room = width - 1 - title.count - 1 - text.count
    guard room >= 10 else { return String(plain.prefix(width - 1)) }
    let length = min(room, 40)
    let filled = Int(fraction * Double(length))
    let (full, empty) = unicode ? ("█", "░") : ("#", "-")
    return title + " " + String(repeating: full, count: filled)
      + String(repeating: empty, count: length - filled) + text
  }

  private var fraction: Double {
    progress.steps > 0 ? min(max(Double(progress.step) / Double(progress.steps), 0), 1) : 0
  }

  /// What is known, in words.
  var facts: [String] {
    [
      "\(unit) \(progress.step)/\(progress.steps)", "\(Int(fraction * 100))%", lossText(progress),
      progress.imagesPerSecond.map { "\(significant($0, digits: 3)) images/s" },
      progress.secondsLeft.map { "\(durationText(seconds: $0)) left" },
    ].compactMap { $0 }
  }
}
