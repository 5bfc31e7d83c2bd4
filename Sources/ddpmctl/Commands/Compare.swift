import ArgumentParser
import DurableIO
import Jobs
import Spool
import StrictJSON

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare jobs: what they came to, and in which settings they differ.",
    discussion: """
      Settings are those of the job files with every default filled in. The likelihood of a train \
      job's model is what the newest evaluate job found.
      """)

  @OptionGroup var spool: SpoolOptions

  @Flag(help: "Print JSON.")
  var json = false

  @Argument(
    help: "The jobs' numbers or names, or ranges of numbers as 17-19.", completion: .jobs(),
    transform: jobSelection)
  var jobs: [JobSelection]

  func run() throws {
    let views = try jobs.flatMap { try spool.jobs($0) }
    guard views.count >= 2 else {
      throw Refusal("two jobs or more are compared", ExitCode.validationFailure)
    }
    let differences = JobDifference.all(
      of: try views.map { try spool.file(of: $0) }, wholeSections: true)
    let evaluations = try spool.evaluations()
    let outcomes = try views.map { try JobOutcome($0, evaluations: evaluations) }
    if json {
      let object: JSONValue = [
        "jobs": .array(
          zip(views, outcomes).map { view, outcome in
            [
              "id": .integer(view.id), "name": .string(view.name), "kind": .string(view.kind),
              "outcome": outcome.json,
            ]
          }),
        "differences": .array(
          differences.map { difference in
            [
              "path": .string(difference.path),
              "values": .array(difference.values.map { $0 ?? nil }),
            ]
          }),
      ]
      print(object.serialized(pretty: true))
      return
    }
    print(table([[""] + views.map { "\($0.name) (\($0.id))" }] + rows(outcomes, differences)))
  }

  private func rows(_ outcomes: [JobOutcome], _ differences: [JobDifference]) -> [[String]] {
    var names: [String] = []
    for fact in outcomes.flatMap(\.facts) where !names.contains(fact.name) {
      names.append(fact.name)
    }
    let facts = names.map { name in
      [name] + outcomes.map { $0.facts.first { $0.name == name }?.value ?? "" }
    }
    let settings = differences.map { difference in
      [difference.path] + difference.values.map { cut($0?.serialized() ?? "") }
    }
    // A row that says nothing of any job is left out.
    return facts.filter { $0.dropFirst().contains { !$0.isEmpty } }
      + (settings.isEmpty ? [["the settings are the same"]] : settings)
  }
}

/// A value that leaves room for others beside it; `diff` has it all.
private func cut(_ text: String) -> String {
  text.count <= 36 ? text : text.prefix(33) + "..."
}

extension SpoolOptions {
  /// A job's file as it is run, with every default filled in.
  func file(of view: JobView) throws -> JSONValue {
    guard let spec = view.spec else {
      throw Refusal("this ddpmctl cannot read \(view.directory.job)")
    }
    return spec.json
  }
}
