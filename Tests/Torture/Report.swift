import DurableIO
import Jobs
import Spool

extension Campaign {
  /// What has been done so far, in one line.
  var summary: String {
    let seconds = Int((ContinuousClock.now - start) / .seconds(1))
    let tally = oracle.tally
    let kills = Ending.allCases.map { "\(endings[$0, default: 0]) \($0.rawValue)" }
    let times = Moment.allCases.map { "\(moments[$0, default: 0]) \($0.rawValue)" }
    let jobs = Recipe.Work.allCases.map { "\(tally.jobs[$0, default: 0]) \($0.rawValue)" }
    let ends = JobState.allCases.filter(\.isFinal).map { "\(tally.ends[$0, default: 0]) \($0)" }
    return "\(cycles) cycles in \(seconds) s; \(kills.joined(separator: ", "))"
      + "; at \(times.joined(separator: ", "))"
      + "; jobs: \(jobs.joined(separator: ", ")), of them \(ends.joined(separator: ", "))"
      + "; submitted again by key: \(tally.repeated)"
      + "; results equal to an uninterrupted run's: \(tally.verified)"
      + "; commands: \(tally.accepted) accepted, \(tally.refused) refused, \(tally.removed) removals"
  }
}

extension Oracle {
  /// All that is known of a job, for people.
  func evidence(of id: Int) -> String {
    let directory = layout.jobDirectory(id)
    var lines: [String] = []
    for job in jobs where job.id == id {
      lines.append("job \(id): \(job.recipe.name), submitted as \(job.names)")
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
