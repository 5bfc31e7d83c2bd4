import ArgumentParser
import Jobs
import Spool

/// What the option `--state` picks jobs by: their states, and as the list has it "timed out" for those
/// of the failed ones whose time was over.
struct StateChoice: RawRepresentable, CaseIterable {
  let rawValue: String
  let state: JobState

  private init(_ state: JobState, _ word: String) { (self.state, rawValue) = (state, word) }

  /// Reads a choice as it is documented, or with the space or the underscore that the list and its JSON
  /// have.
  init?(rawValue: String) {
    let word = rawValue.replacing(" ", with: "-").replacing("_", with: "-")
    guard let choice = Self.allCases.first(where: { $0.rawValue == word }) else { return nil }
    self = choice
  }

  static let allCases =
    JobState.allCases.map { StateChoice($0, $0.rawValue) } + [StateChoice(.failed, "timed-out")]
  /// Those of jobs that are over.
  static let final = allCases.filter(\.state.isFinal)

  /// Whether it is a part of the jobs in its state only.
  var isPart: Bool { rawValue != state.rawValue }

  func includes(_ job: SpoolReader.Job) -> Bool {
    job.state == state && (!isPart || job.entry.timedOut)
  }
}

extension [StateChoice] {
  /// The words, for the help and for messages.
  var words: String { map(\.rawValue).joined(separator: ", ") }

  /// Whether one of them includes the job; all jobs are meant where there is none.
  func includes(_ job: SpoolReader.Job) -> Bool { isEmpty || contains { $0.includes(job) } }

  /// Where the jobs are.
  var states: Set<JobState> { isEmpty ? Set(JobState.allCases) : Set(map(\.state)) }
}

/// Reads an argument that is a state of jobs that are over.
func finalState(_ argument: String) throws -> StateChoice {
  let choice: StateChoice = try choice(argument)
  guard choice.state.isFinal else {
    throw ValidationError("allowed is \(StateChoice.final.words)")
  }
  return choice
}
