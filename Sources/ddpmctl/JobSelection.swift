import ArgumentParser
import Jobs
import Spool

/// The jobs that an argument of a command means.
enum JobSelection {
  /// One by its number or name.
  case one(JobReference)
  /// Those with these numbers, such as those of an array.
  case range(ClosedRange<Int>)

  /// Reads `17`, `17-19` or a name; of what is both, the range is meant.
  init?(_ argument: String) {
    let parts = argument.split(separator: "-", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in
      part.allSatisfy { $0.isASCII && $0.isNumber } ? Int(part) : nil
    }
    if parts.count == 2, numbers.count == 2 {
      guard numbers[0] > 0, numbers[0] <= numbers[1], numbers[1] - numbers[0] < 100_000 else {
        return nil
      }
      self = .range(numbers[0]...numbers[1])
    } else if let reference = JobReference(argument) {
      self = .one(reference)
    } else {
      return nil
    }
  }
}

/// Reads an argument that is a job, or several.
func jobSelection(_ argument: String) throws -> JobSelection {
  guard let selection = JobSelection(argument) else {
    throw ValidationError(
      "allowed is a job's number, from 1 on, its name, or a range of at most 100000 numbers as 17-19"
    )
  }
  return selection
}

extension SpoolOptions {
  /// The jobs that are meant, of which there is at least one.
  ///
  /// - candidate: Which of several jobs with one name are meant rather than others, and which of a
  ///   range are meant at all.
  /// - isPointless: Why a job need not be commanded, in a sentence.
  func jobs(
    _ selection: JobSelection, preferring candidate: (SpoolReader.Job) -> Bool,
    unless isPointless: (JobView) -> String?
  ) throws -> [JobView] {
    switch selection {
    case .one(let reference):
      let view = try job(reference, preferring: candidate)
      if let reason = isPointless(view) { throw Refusal(reason) }
      return [view]
    case .range(let ids):
      try requireSpool()
      let there = try attempt { try ids.compactMap { try reader.job($0) } }
      let text = "\(ids.lowerBound) to \(ids.upperBound)"
      if there.isEmpty {
        throw Refusal("there are no jobs \(text); see: \(command("list"))")
      }
      let meant = there.filter(candidate).map(view).filter { isPointless($0) == nil }
      if meant.isEmpty {
        throw Refusal("there is nothing to do for the jobs \(text); see: \(command("list"))")
      }
      return meant
    }
  }
}
