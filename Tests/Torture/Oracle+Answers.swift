import DurableIO
import Jobs
import Spool

/// What became of a file.
enum Answer: Equatable {
  case pending
  /// With the numbers that a receipt says.
  case accepted(ClosedRange<Int>?)
  case refused(String)
}

/// What must be true of the files that were handed in, and of the answers to them.
extension Oracle {
  /// Takes note of what became of the command that is under way.
  func settleCommand(_ job: TrackedJob, _ snapshot: Snapshot) throws {
    guard let id = job.id, let (command, file) = job.pending else { return }
    switch try answer(to: file, snapshot) {
    case .pending:
      if command.revives { job.isRevived = true }
      return
    case .accepted(let ids):
      guard ids == nil || ids == id...id else {
        throw Violation(
          job: id, found: "a receipt for \(command) that says \(ids.text)",
          expected: "the job's number")
      }
      job.accept(command, file)
      job.isRevived = command.revives
      tally.accepted["\(command)".split(separator: " ")[0].description, default: 0] += 1
    case .refused(let reason):
      // Where the job's own end comes first a command may be refused; otherwise not.
      for nonsense in ["there is no job", "extend it to more", "$.file"]
      where reason.contains(nonsense) && !file.wasSlow {
        throw Violation(
          job: id, found: "\(command) was refused: \(reason)", expected: "it is accepted")
      }
      tally.refused += 1
    }
    job.pending = nil
  }

  /// No submission is lost, refused, or answered with other numbers; an array is there wholly or not
  /// at all.
  func judgeFiles(_ snapshot: Snapshot) throws {
    var last: JobFile?
    // The jobs of a file are side by side.
    for job in jobs where job.file !== last {
      last = job.file
      try judge(job.file, snapshot)
    }
  }

  private func judge(_ file: JobFile, _ snapshot: Snapshot) throws {
    if file.isRemoved { return }
    let jobs = jobs.filter { $0.file === file }
    for case let (job, id?) in jobs.map({ ($0, $0.id) }) {
      file.first = file.first ?? id - job.place
      guard file.first == id - job.place else {
        throw Violation(
          job: id, found: "job \(job.place + 1) of \(file.names), whose jobs are \(file.ids.text)",
          expected: "numbers in a row")
      }
    }
    let seen = jobs.count { $0.id != nil }
    let isAppearing = file.submissions.contains { snapshot.appearing.contains($0.fileName) }
    if seen < file.count && file.mayFall && isPurging && !isOnItsWay(file, snapshot) {
      // They may have failed at once, and been purged behind that: nobody has seen them.
      self.jobs.removeAll { $0.file === file && $0.id == nil }
      return
    }
    guard seen == 0 || seen == file.count || isAppearing else {
      throw Violation(
        job: file.first, found: "\(seen) of the \(file.count) jobs of \(file.names)",
        expected: "all or none")
    }
    file.isOnItsWay = false
    for submission in file.submissions { try judge(submission, of: file, snapshot) }
  }

  private func judge(_ submission: HandedIn, of file: JobFile, _ snapshot: Snapshot) throws {
    switch try answer(to: submission, snapshot) {
    case .pending: file.isOnItsWay = true
    case .accepted(let ids) where file.first != nil && (ids == nil || ids == file.ids): break
    case .accepted(let ids):
      throw Violation(
        job: file.first, found: "\(submission.fileName) was taken, as \(ids.text)",
        expected: file.ids == nil ? "a job of it" : "as \(file.ids.text)")
    case .refused where submission.wasSlow:
      if file.submissions.count == 1 { jobs.removeAll { $0.file === file } }
    case .refused(let reason):
      throw Violation(
        job: file.first, found: "\(submission.fileName) was refused: \(reason)",
        expected: "a job of it")
    }
  }

  private func isOnItsWay(_ file: JobFile, _ snapshot: Snapshot) -> Bool {
    file.submissions.contains { snapshot.onTheirWay.contains($0.fileName) }
  }

  func answer(to file: HandedIn, _ snapshot: Snapshot) throws -> Answer {
    if snapshot.onTheirWay.contains(file.fileName) { return .pending }
    let refusal = try text("\(layout.rejected)/\(file.fileName).reason")
    let receipt = try file.token.flatMap { try text("\(layout.receipts)/\($0)") }
    guard file.token == nil || (receipt == nil) != (refusal == nil) else {
      throw Violation(
        found: "\(file.fileName) has " + (receipt == nil ? "no answer" : "two answers"),
        expected: "a receipt or a refusal")
    }
    if let refusal { return .refused(refusal) }
    // NUMBER or FIRST-LAST.
    let ids = (receipt ?? "").split(separator: "-").compactMap { Int($0) }
    guard let first = ids.first, let last = ids.last else { return .accepted(nil) }
    return .accepted(first...last)
  }

  private func text(_ path: String) throws -> String? {
    try readFileIfPresent(path).map { bytes in
      String(decoding: bytes.last == 10 ? bytes.dropLast() : bytes[...], as: UTF8.self)
    }
  }
}

extension ClosedRange<Int>? {
  /// For people.
  var text: String {
    map { $0.count == 1 ? "job \($0.lowerBound)" : "jobs \($0.lowerBound) to \($0.upperBound)" }
      ?? "no job"
  }
}
