import DurableIO
import Glibc
import Jobs
import Spool

/// A file that was put into `drop/`.
struct HandedIn {
  let fileName: String
  /// Nil for a file that was copied as anybody would.
  let token: Submission.Token?
  let sha256: String
  /// Whether so much time was between the parts of a copied file that the first may have been taken
  /// for all that comes: everything stood still meanwhile.
  let wasSlow: Bool

  /// What an envelope holds of a job that came in this file.
  func content(_ job: ReplacementJob) -> TrackedJob.Content {
    TrackedJob.Content(json: job.json, sha256: sha256)
  }
}

/// Puts files into `drop/` in the ways that people and programs do.
struct Submitter {
  let layout: SpoolLayout
  private var count = 0

  init(_ layout: SpoolLayout) { self.layout = layout }

  /// Hands in `bytes`: as `ddpmctl` does, or as `cp` does, in two writes that a look may fall between.
  mutating func handIn(_ bytes: [UInt8], _ dice: inout Dice) throws -> HandedIn {
    let sha256 = SHA256.of(bytes).hex
    if dice.chance(0.5) {
      let token = try Submission.submit(bytes, to: layout)
      return HandedIn(fileName: token.fileName, token: token, sha256: sha256, wasSlow: false)
    }
    count += 1
    let name = "file-\(count).json"
    let start = ContinuousClock.now
    let file = try OpenFile(layout.drop + "/" + name, flags: O_WRONLY | O_CREAT | O_EXCL)
    let half = Int.random(in: 0...bytes.count, using: &dice)
    try file.write(Array(bytes[..<half]))
    if dice.chance(0.5) { pause(dice.microseconds(0...3000)) }
    try file.write(Array(bytes[half...]))
    let wasSlow = ContinuousClock.now - start > .seconds(Admission.Policy().settleSeconds / 2)
    return HandedIn(fileName: name, token: nil, sha256: sha256, wasSlow: wasSlow)
  }
}

/// Sleeps.
func pause(_ time: Duration) {
  let (seconds, attoseconds) = time.components
  usleep(UInt32(seconds * 1_000_000 + attoseconds / 1_000_000_000_000))
}
