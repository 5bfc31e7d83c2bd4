import ArgumentParser
import Jobs
import StrictJSON

/// Keys of the section `queue` of a job file, given on the command line instead.
struct QueueOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "Start it before jobs of lower priority, from -1000 to 1000.")
  var priority: Int?

  @Flag(help: "Have it wait until it is released.")
  var hold = false

  @Option(
    help: ArgumentHelp(
      "Start it once this job is done, or all jobs of a range as 17-19. May be repeated.",
      valueName: "job"),
    completion: .jobs(), transform: jobSelection)
  var after: [JobSelection] = []

  @Option(
    help: ArgumentHelp(
      """
      Name the submission: another one of yours with the same key and job is no second job, but \
      prints the number of the first.
      """))
  var key: String?

  /// `job` with what was given set in it.
  func applied(to job: JSONValue) -> JSONValue {
    var members = JSONObject()
    if let priority { members["priority"] = .integer(priority) }
    if hold { members["hold"] = true }
    if let key { members["idempotency_key"] = .string(key) }
    if !after.isEmpty {
      let given = job["queue"]?["after"]?.array ?? []
      members["after"] = .array(
        given
          + after.flatMap { selection -> [JSONValue] in
            switch selection {
            case .one(.number(let id)): [["job": .integer(id)]]
            case .one(.name(let name)): [["job": .string(name)]]
            case .range(let ids): ids.map { ["job": .integer($0)] }
            }
          })
    }
    guard var object = job.object, !members.keys.isEmpty else { return job }
    var queue = job["queue"]?.object ?? JSONObject()
    for (key, value) in members.members { queue[key] = value }
    object["queue"] = .object(queue)
    return .object(object)
  }
}
