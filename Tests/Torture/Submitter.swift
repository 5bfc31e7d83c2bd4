import DurableIO
import Glibc
import Spool

/// Puts files into `drop/` in the ways that people and programs do.
struct Submitter {
  let layout: SpoolLayout
  private var count = 0

  init(_ layout: SpoolLayout) { self.layout = layout }

  /// Hands in `bytes`: as `ddpmctl` does, or as `cp` does, in two writes that a look may fall between.
  mutating func handIn(_ bytes: [UInt8], _ dice: inout Dice) throws -> HandedIn {
    if dice.chance(0.5) {
      let token = try Submission.submit(bytes, to: layout)
      return HandedIn(fileName: token.fileName, token: token)
    }
    count += 1
    let name = "file-\(count).json"
    let file = try OpenFile(layout.drop + "/" + name, flags: O_WRONLY | O_CREAT | O_EXCL)
    let half = Int.random(in: 0...bytes.count, using: &dice)
    try file.write(Array(bytes[..<half]))
    if dice.chance(0.5) { pause(dice.microseconds(0...3000)) }
    try file.write(Array(bytes[half...]))
    return HandedIn(fileName: name, token: nil)
  }
}

/// Sleeps.
func pause(_ time: Duration) {
  let (seconds, attoseconds) = time.components
  usleep(UInt32(seconds * 1_000_000 + attoseconds / 1_000_000_000_000))
}
