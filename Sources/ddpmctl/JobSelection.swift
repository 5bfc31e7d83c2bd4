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

/// Reads an argument that is one job.
func jobReference(_ argument: String) throws -> JobReference {
  switch JobSelection(argument) {
  case .one(let reference): return reference
  case .range: throw ValidationError("one job is expected here, and that is a range of them")
  case nil: throw ValidationError("allowed is a job's number, from 1 on, or its name")
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

/// Why a job is not given a command, in a sentence.
enum Objection {
  /// It is already as it would be then, which is no failure.
  case needless(String)
  /// It cannot be.
  case impossible(String)
}

extension SpoolOptions {
  /// The jobs that are meant; none where there is nothing to do, which is then said.
  ///
  /// - candidate: Which of several jobs with one name are meant rather than others, and which of a
  ///   range are meant at all.
  /// - objection: Why a job is not meant though it is named.
  /// - refuse: Takes why there is nothing that could be done.
  func jobs(
    _ selection: JobSelection, preferring candidate: (SpoolReader.Job) -> Bool = { _ in true },
    unless objection: (JobView) -> Objection? = { _ in nil },
    refuse: (Refusal) throws -> Void = { throw $0 }
  ) throws -> [JobView] {
    switch selection {
    case .one(let reference):
      let view = try job(reference, preferring: candidate)
      switch objection(view) {
      case nil: return [view]
      case .needless(let sentence): say(sentence)
      case .impossible(let sentence): try refuse(Refusal(sentence))
      }
      return []
    case .range(let ids):
      try requireSpool()
      let there = try allJobs(selection)
      let meant = there.filter(candidate).map(view).filter { objection($0) == nil }
      if meant.isEmpty {
        let sentence =
          "there is nothing to do for the jobs \(ids.lowerBound) to \(ids.upperBound); see: "
          + command("list")
        let isImpossible = there.map(view).map(objection).contains { objection in
          if case .impossible = objection { true } else { false }
        }
        if isImpossible { try refuse(Refusal(sentence)) } else { say(sentence) }
      }
      return meant
    }
  }

  /// All the jobs of a selection, also those that share a name: at least one.
  func allJobs(_ selection: JobSelection) throws -> [SpoolReader.Job] {
    let (jobs, text) =
      switch selection {
      case .one(let reference):
        (try attempt { try reader.jobs(reference) }, "is no job \(reference)")
      case .range(let ids):
        (
          try attempt { try ids.compactMap { try reader.job($0) } },
          "are no jobs \(ids.lowerBound) to \(ids.upperBound)"
        )
      }
    if jobs.isEmpty { throw Refusal("there \(text); see: \(command("list"))") }
    return jobs
  }

  /// The objection against commanding a job that is over, if it is.
  func over(_ view: JobView) -> Objection? {
    view.job.state.isFinal ? .impossible(ending(of: view)) : nil
  }
}
