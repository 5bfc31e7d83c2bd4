import DurableIO
import Jobs
import Spool

/// What must be true of jobs that are over, and of the spool when nothing is left to be done.
extension Oracle {
  /// What must be true when nothing is left to be done.
  func judgeRemains() throws {
    for path in [layout.spool, layout.state] {
      for file in try ResultFiles.files(in: path) where file.hasSuffix(".tmp") {
        throw Violation(found: "\(path)/\(file)", expected: "no temporary file")
      }
    }
    for path in [layout.drop, layout.claim, layout.removing] {
      for name in try Directory.names(in: path) {
        throw Violation(found: "\(path)/\(name)", expected: "nothing left there")
      }
    }
    for job in jobs {
      guard let id = job.id else {
        throw Violation(found: "\(job.file.names) is no job", expected: "a job")
      }
      guard job.state?.isFinal == true else {
        throw Violation(job: id, found: "it is not over", expected: "its end")
      }
      if job.state == .done { try judgeSurplus(job, id) }
      let history = try SpoolReader(layout).events(of: id).map(\.kind)
      let ends = history.count { $0 == .finished }
      guard history.count(where: { $0 == .admitted }) == 1, ends <= (job.isExtended ? 2 : 1) else {
        throw Violation(
          job: id, found: "a history of \(history.map(\.rawValue).joined(separator: ", "))",
          expected: "one admission, and one end")
      }
    }
  }

  /// A job that is done keeps its results and, if it can be extended, its last checkpoint.
  private func judgeSurplus(_ job: TrackedJob, _ id: Int) throws {
    let directory = layout.jobDirectory(id)
    var surplus = [directory.resultsInProgress, directory.path + "/samples"]
    if job.recipe.work == .train {
      let names = try Directory.names(in: directory.checkpoints)
      let older = names.filter { $0.hasPrefix("step-") && $0.hasSuffix(".json") }.dropLast()
      surplus += older.map { directory.checkpoints + "/" + $0 }
    } else {
      surplus.append(directory.checkpoints)
    }
    for path in surplus where try Directory.exists(path) {
      throw Violation(job: id, found: path, expected: "the results have made it superfluous")
    }
  }

  /// What must be true when every job is removed.
  func judgeEmptiness() throws {
    let folders = [layout.jobs, layout.keys, layout.removing, layout.claim, layout.drop]
    for folder in folders + JobState.allCases.map(layout.queue) {
      let names = try Directory.names(in: folder)
      guard names.isEmpty else {
        throw Violation(
          found: "\(folder) has \(names.joined(separator: ", "))",
          expected: "nothing: no job is left")
      }
    }
  }

  func judgeResults(_ job: TrackedJob, _ id: Int) throws {
    // The results may be on their way aside.
    if job.pending?.command.isExtension == true { return }
    let results = layout.jobDirectory(id).results
    let publication = try TrackedJob.Publication(results)
    guard let publication, job.published == nil || job.published == publication else {
      throw Violation(
        job: id, found: publication == nil ? "it is done without results" : "other results",
        expected: "results, published once")
    }
    job.published = publication
    if job.isVerified { return }
    try judgeBits(job.outcome, results, id)
    if job.isExtended { try judgeEarlierResults(job, id) }
    job.isVerified = true
    tally.verified += 1
  }

  /// The results from before an extension are where it put them, if there were any.
  private func judgeEarlierResults(_ job: TrackedJob, _ id: Int) throws {
    let path = layout.jobDirectory(id).results(after: job.recipe.steps)
    let earlier = try TrackedJob.Publication(path)
    if let before = job.publishedBefore, before != earlier {
      throw Violation(
        job: id, found: "\(path) is \(earlier == nil ? "missing" : "not what was published")",
        expected: "the results from before the extension")
    }
    if earlier != nil { try judgeBits(job.recipe, path, id) }
  }

  private func judgeBits(_ recipe: Recipe, _ results: String, _ id: Int) throws {
    var expected = try references.results(of: recipe)
    let found = try ResultFiles(results)
    // Previews that were drawn before an extension may have gone aside with the results of then.
    if recipe.isExtended { expected.omit("previews/", missingIn: found) }
    guard found == expected else {
      throw Violation(
        job: id, found: "other results: " + found.difference(from: expected),
        expected: "those of an uninterrupted run of \(recipe.name) with \(recipe.steps) steps")
    }
  }

  /// - limit: the shortest that the job has had since the last look.
  func judgeTimeLimit(_ job: TrackedJob, _ entry: QueueEntry, _ limit: Int?) throws {
    tally.timedOut += 1
    guard let limit, entry.secondsRun > Double(limit) - 0.001, job.mostRun >= .seconds(limit)
    else {
      throw Violation(
        job: entry.id,
        found: "it timed out after \(entry.secondsRun) s by its entry, \(job.mostRun) at most",
        expected: limit.map { "it runs for \($0) s" } ?? "it has no limit")
    }
  }

  func judgeCancellation(_ job: TrackedJob, _ id: Int) throws {
    guard job.isCancelled || job.pending?.command == .cancel else {
      throw Violation(job: id, found: "it is cancelled", expected: "nobody asked for that")
    }
    if job.pending == nil, try Directory.exists(layout.jobDirectory(id).results) {
      throw Violation(
        job: id, found: "it is cancelled and has results", expected: "it is done, or has none")
    }
  }
}
