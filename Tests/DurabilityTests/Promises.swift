import Jobs
import Spool

/// What the spool has promised at some moment: what must be so once it has recovered from whatever
/// happens then. While something is under way, both the old and the new are allowed.
struct Promises: Hashable {
  struct Job: Hashable {
    /// Whether it must be there; nil allows both.
    var exists: Bool?
    /// Its number, once somebody has been told.
    var number: Int?
    var states: Set<JobState>
    var priorities: Set<Int> = [0]
    /// What its history must hold.
    var events: Set<JobEvent.Kind> = []
    /// Its newest checkpoint is that of this step or a later one.
    var checkpoint = 0
    /// How many steps it has; nil if nobody has extended it.
    var steps: Set<Int?> = [nil]
    /// The folders of results that it must have.
    var results: Set<String> = []
    /// Its file, if handing it in once more must give no second job.
    var repeatable: String?

    /// What is promised on the way from here to there.
    func onTheWay(to new: Job) -> Job {
      var both = self
      if exists != new.exists { both.exists = nil }
      both.states.formUnion(new.states)
      both.priorities.formUnion(new.priorities)
      both.events.formIntersection(new.events)
      both.checkpoint = min(checkpoint, new.checkpoint)
      both.steps.formUnion(new.steps)
      both.results.formIntersection(new.results)
      if repeatable != new.repeatable { both.repeatable = nil }
      return both
    }
  }

  /// By name.
  var jobs: [String: Job] = [:]
  /// The files that must be in `rejected/`.
  var rejected: Set<String> = []
  /// Whether the queue is paused.
  var paused: Set<Bool> = [false]
  /// Numbers up to this one were given to jobs.
  var highest = 0
  /// The numbers that submissions were told.
  var receipts: [Submission.Token: Int] = [:]
}
