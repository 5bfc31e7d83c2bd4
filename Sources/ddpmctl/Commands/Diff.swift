import ArgumentParser
import Jobs
import StrictJSON

struct Diff: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print in which settings two jobs differ.",
    discussion: """
      Settings are those of the job files with every default filled in, each with its JSON path. As \
      of diff, the exit code is 0 if there is no difference, 1 if there is one, and 2 in trouble.
      """)

  @OptionGroup var spool: SpoolOptions

  @Argument(help: "The number or name of one job.", completion: .jobs(), transform: jobReference)
  var old: JobReference

  @Argument(help: "That of the other.", completion: .jobs(), transform: jobReference)
  var new: JobReference

  func run() throws {
    let lines: [String]
    do {
      let views = try [old, new].map { try spool.job($0) }
      lines = unifiedDiff(
        try views.map { try spool.file(of: $0) }, titles: views.map(\.title))
    } catch let refusal as Refusal {
      throw Refusal(refusal.message, Exit.trouble)
    }
    for line in lines { print(line, color: line.hasPrefix("-") ? 31 : 32) }
    if !lines.isEmpty { throw Exit.differs }
  }
}

/// The differences of two job files, each value a line; empty if there is none.
func unifiedDiff(_ files: [JSONValue], titles: [String]) -> [String] {
  let differences = JobDifference.all(of: files)
  if differences.isEmpty { return [] }
  return zip(["--- ", "+++ "], titles).map { $0 + $1 }
    + differences.flatMap { difference in
      zip(["-", "+"], difference.values).compactMap { sign, value in
        value.map { "\(sign)\(difference.path): \($0.serialized())" }
      }
    }
}
