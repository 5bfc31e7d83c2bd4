import Jobs
import StrictJSON

/// What users do meanwhile.
extension Campaign {
  /// Jobs that are not over, at most: so that each is killed often, and a round ends soon.
  private static let openJobs = 12

  /// A few things that users do.
  func ask() throws {
    for _ in 0..<Int.random(in: 1...3, using: &dice) {
      let open = oracle.jobs.count { !$0.isOver }
      if dice.chance(oracle.isPaused ? 0.4 : 0.03) {
        try give(oracle.isPaused ? .resume : .pause)
      } else if dice.chance(0.05) {
        try reconfigure()
      } else if open < Self.openJobs && dice.chance(0.6) {
        try submit()
      } else {
        try command()
      }
    }
  }

  private func command() throws {
    guard let job = oracle.jobs.filter(\.canBeCommanded).randomElement(using: &dice) else { return }
    let isNeeded = oracle.isNeeded(job)
    let isOver = job.isOver
    let canExtend = job.recipe.work == .train && !job.isExtended && !isNeeded
    // A submission that comes behind a removal would be another job.
    let canRemove = isOver && !isNeeded && !job.file.isOnItsWay
    let edit = try edit(job, isNeeded: isNeeded)
    let command = dice.pick([
      (.cancel, isOver ? 0 : 4), (.hold, isOver ? 0 : 3), (.release, isOver ? 0 : 3),
      (.retry, isNeeded ? 0 : 3), (.prioritize(Int.random(in: -5...5, using: &dice)), 1),
      (JobCommand.extend(steps: job.recipe.extendedSteps), canExtend ? 4 : 0), (edit, 3),
      (.remove, canRemove ? 3 : 0),
    ])
    try give(command, to: job)
  }

  /// Another place in the queue for a job, or another training.
  private func edit(_ job: TrackedJob, isNeeded: Bool) throws -> JobCommand {
    var json = job.content.json.object ?? [:]
    var queue = json["queue"]?.object ?? [:]
    queue["priority"] = .integer(Int.random(in: -5...5, using: &dice))
    queue["hold"] = dice.chance(0.2) ? true : nil
    queue["time_limit"] = dice.chance(0.2) ? 1 : nil
    if job.recipe.work == .train && !isNeeded && !job.isExtended && dice.chance(0.5) {
      let training = Recipe.Training.short.randomElement(using: &dice) ?? .plain
      json = Recipe(training: training, work: .train).job(images: images, model: nil)
    }
    json["queue"] = .object(queue)
    return try .edit(to: json)
  }

  func give(_ command: JobCommand, to job: TrackedJob) throws {
    guard let id = job.id else { return }
    let text = Command.job(id, command).json.serialized(pretty: true)
    let file = try submitter.handIn(Array(text.utf8), &dice)
    job.pending = (command, file)
    if command == .remove { job.file.isRemoved = true }
    try note("\(file.fileName): job \(id) \(command)")
  }

  func give(_ command: QueueCommand) throws {
    if oracle.queueCommand != nil { return }
    let text = Command.queue(command).json.serialized()
    let file = try submitter.handIn(Array(text.utf8), &dice)
    oracle.queueCommand = (command, file)
    try note("\(file.fileName): \(command)")
  }
}

extension JobCommand {
  /// Makes a job the one in `json`.
  static func edit(to json: JSONObject) throws -> JobCommand {
    let json = JSONValue.object(json)
    return .edit(ReplacementJob(spec: try JobSpec(json: json), json: json))
  }
}
