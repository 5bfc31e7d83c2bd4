import DurableIO
import Jobs
import Spool

extension Campaign {
  /// What has been done so far, in one line.
  var summary: String {
    let tally = oracle.tally
    let seconds = Int((ContinuousClock.now - start) / .seconds(1))
    let parts: [String] = [
      "\(cycles) cycles in \(seconds) s",
      Self.list(Ending.allCases) { (endings[$0], $0.rawValue) },
      "at " + Self.list(Moment.allCases) { (moments[$0], $0.rawValue) },
      "jobs: " + Self.list(Recipe.Work.allCases) { (tally.jobs[$0], $0.rawValue) },
      "arrays of them: \(tally.arrays)",
      "in the end " + Self.list([.done, .failed, .cancelled]) { (tally.ends[$0], $0.rawValue) },
      "timed out: \(tally.timedOut)", "purged: \(tally.purged)",
      "submitted again by key: \(tally.repeated)",
      "results equal to an uninterrupted run's: \(tally.verified)",
      "commands accepted: " + Self.list(tally.accepted.keys.sorted()) { (tally.accepted[$0], $0) },
      "refused: \(tally.refused)", "reloads: \(tally.reloads)",
    ]
    return parts.joined(separator: "; ")
  }

  private static func list<Case>(_ cases: [Case], _ count: (Case) -> (Int?, String)) -> String {
    cases.map { one in
      let (number, name) = count(one)
      return "\(number ?? 0) \(name)"
    }.joined(separator: ", ")
  }
}

extension Oracle {
  /// All that is known of a job, for people.
  func evidence(of id: Int) -> String {
    let directory = layout.jobDirectory(id)
    var lines: [String] = []
    for job in jobs where job.id == id {
      lines.append("job \(id): \(job.recipe.name), submitted as \(job.file.names)")
      lines.append("at the last look: \(job.state.map(\.rawValue) ?? "not there"), \(job.ends)")
      lines.append("commands accepted: \(job.accepted)")
      if let (command, file) = job.pending {
        lines.append("under way: \(command), \(file.fileName)")
      }
    }
    for state in JobState.allCases {
      guard let bytes = try? readFile(layout.queueEntry(id, state)) else { continue }
      lines.append("its entry in \(state): \(String(decoding: bytes, as: UTF8.self))")
    }
    for file in [directory.events, directory.log] {
      lines.append("\(file):")
      lines += ((try? AppendLog.lines(of: file)) ?? []).suffix(40).map { "  \($0)" }
    }
    return lines.joined(separator: "\n")
  }
}
