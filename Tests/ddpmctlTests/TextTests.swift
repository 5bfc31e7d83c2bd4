import Foundation
import Jobs
import Testing

@testable import ddpmctl

@Suite struct TextTests {
  private static let progress = [
    Jobs.Progress(step: 0, steps: 600),
    Jobs.Progress(step: 270, steps: 600, loss: 0.03123, imagesPerSecond: 41.27, secondsLeft: 80.2),
    Jobs.Progress(step: 600, steps: 600, loss: 1e-9, imagesPerSecond: 12345, secondsLeft: 0),
    Jobs.Progress(step: 1, steps: 1_000_000_000, loss: .infinity, secondsLeft: 1e8),
    Jobs.Progress(step: 0, steps: 0),
  ]

  @Test(arguments: progress, [0, 1, 7, 20, 40, 60, 80, 81, 100, 120, 200, 500])
  func theBarNeverFillsTheLastColumn(_ progress: Jobs.Progress, _ width: Int) {
    let line = ProgressLine(
      title: "train fashion-mnist (job 3)", shortTitle: "job 3", unit: "step", progress: progress)
    for unicode in [false, true] {
      #expect(line.bar(width: width, unicode: unicode).count <= max(width - 1, 0))
    }
  }

  @Test func everythingIsOnALineOfEightyCharacters() {
    let line = ProgressLine(
      title: "train fashion-mnist (job 3)", shortTitle: "job 3", unit: "step",
      progress: Self.progress[1])
    #expect(
      line.bar(width: 80, unicode: true)
        == "job 3 ████░░░░░░ 45%  step 270/600  loss 0.0312  41.3 images/s  1 min 20 s left")
    #expect(
      line.bar(width: 120, unicode: false)
        == "train fashion-mnist (job 3) "
        + "############---------------- 45%  step 270/600  loss 0.0312  41.3 images/s  1 min 20 s left"
    )
    #expect(
      line.plain
        == "train fashion-mnist (job 3): 45%, step 270/600, loss 0.0312, 41.3 images/s, 1 min 20 s left"
    )
  }

  @Test(
    arguments: [
      (0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (80, "1 min 20 s"), (3600, "1 h"),
      (7500, "2 h 5 min"), (86400, "1 d"), (277_200, "3 d 5 h"), (-1, "?"), (.infinity, "?"),
      (.nan, "?"),
    ] as [(Double, String)])
  func durations(_ seconds: Double, _ text: String) {
    #expect(durationText(seconds: seconds) == text)
  }

  /// Foundation's "%.3g" as an oracle, where it writes no exponent.
  @Test func significantDigitsAreThoseOfPrintf() {
    var value = 0.000_101_3
    while value < 999 {
      for value in [value, -value] {
        let text = significant(value, digits: 3)
        #expect(Double(text) == Double(String(format: "%.3g", value)), "\(text)")
        #expect(text.filter(\.isNumber).drop { $0 == "0" }.count >= 3)
      }
      value *= 1.0137
    }
    for value in [1.536_328_664e-7, -9.87654e-12, 1.5e-300, 1_234_567, -9.87654e20] {
      let text = significant(value, digits: 3)
      #expect(Double(text) == Double(String(format: "%.3g", value)), "\(text)")
    }
    #expect(significant(0, digits: 3) == "0.0")
    #expect(significant(.nan, digits: 3) == "nan")
  }

  @Test func tablesAlign() {
    #expect(
      table([["A", "LONG", "C"], ["aaa", "b", ""], ["", "é", "c"]]) == """
        A    LONG  C
        aaa  b
             é     c
        """)
    #expect(table([]) == "")
  }
}
