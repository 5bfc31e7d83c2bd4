import DurableIO
import Jobs

/// The numbers of jobs: short, rising, never given twice.
///
/// The highest number ever given is on disk before the number is used anywhere else, so neither a
/// crash nor the removal of old jobs brings one back. A crash can leave a gap.
struct JobNumbers {
  private let path: String
  /// There are so many that they do not run out.
  private static let most = 1 << 53
  /// Numbers up to this one may be in use.
  private var used: Int
  /// The number on disk.
  private var written: Int

  /// Reads where the counting stands.
  ///
  /// Throws: `SpoolError.damaged` where jobs exist but the count is missing or unreadable; a guess
  /// could give the number of a removed job again.
  init(_ layout: SpoolLayout) throws(SpoolError) {
    path = layout.highestID
    let inUse: Int
    let count: [UInt8]?
    do {
      // Of what was lost, or restored in part, whatever is left counts.
      var jobs: [Int] = []
      for folder in [layout.jobs, layout.removing] + JobState.allCases.map(layout.queue) {
        jobs += try Directory.names(in: folder).compactMap { Int($0) }
      }
      let claims = try Directory.names(in: layout.claim).compactMap {
        ClaimName($0).ids?.upperBound
      }
      inUse = (jobs + claims).max() ?? 0
      count = try Directory.exists(path) ? readFile(path, limit: 64) : nil
    } catch {
      throw .system(error)
    }
    let text = count.map { String(decoding: $0, as: UTF8.self) } ?? (inUse == 0 ? "0\n" : "")
    guard text.last == "\n", let number = Int(text.dropLast()), number >= 0,
      max(number, inUse) <= Self.most
    else {
      throw .damaged(
        path: path,
        problem: "must hold the highest number ever given to a job, \(inUse) or more, "
          + "but holds \(count == nil ? "nothing" : "something else"); write it there, on a line")
    }
    used = max(number, inUse)
    written = number
  }

  /// Puts so many numbers at the disposal of `next`, in one go.
  mutating func reserve(_ count: Int) throws(SystemError) {
    guard written < used + count else { return }
    try AtomicFile.write("\(used + count)\n", to: path)
    written = used + count
  }

  /// The number that the next job gets, or the first of `count` in a row; the same one until `use`.
  mutating func next(_ count: Int = 1) throws(SystemError) -> Int {
    try reserve(count)
    return used + 1
  }

  /// Takes note that the number from `next` is in use from now on.
  mutating func use(_ id: Int) { used = max(used, id) }
}
