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
      } else if open < Self.openJobs && dice.chance(0.6) {
        try submit()
      } else {
        try command()
      }
    }
  }

  private func submit() throws {
    if dice.chance(0.15), let job = repeatable.randomElement(using: &dice) {
      return try handIn(job)
    }
    let makers = oracle.jobs.filter {
      $0.recipe.work == .train && $0.id != nil && $0.pending == nil && !$0.isCancelled
    }
    var recipe = Recipe(
      training: Recipe.Training.allCases.randomElement(using: &dice) ?? .plain, work: .train)
    var queue: JSONObject = [:]
    var maker: TrackedJob?
    if dice.chance(0.55), let found = makers.randomElement(using: &dice) {
      maker = found
      recipe = found.outcome
      recipe.work = dice.chance(0.6) ? .sample : .evaluate
    } else if dice.chance(0.2) {
      maker = makers.randomElement(using: &dice)
    }
    let id: JSONValue = .integer(maker?.id ?? 0)
    if maker != nil && (recipe.work == .train || dice.chance(0.5)) {
      queue["after"] = [["job": id, "when": recipe.work == .train ? "any" : "ok"]]
    }
    let startsHeld = dice.chance(0.1)
    if startsHeld { queue["hold"] = true }
    var key: String?
    if dice.chance(0.3) {
      keys += 1
      key = "key-\(keys)"
      queue["idempotency_key"] = .string("key-\(keys)")
    }
    if dice.chance(0.3) { queue["priority"] = .integer(Int.random(in: -5...5, using: &dice)) }
    let job = recipe.job(images: images, model: ["job": id], queue: queue)
    try handIn(
      TrackedJob(
        recipe, job, key: key, startsHeld: startsHeld, maker: maker,
        needsMakerDone: recipe.work != .train))
  }

  /// Jobs that can be submitted again without becoming two.
  private var repeatable: [TrackedJob] {
    oracle.jobs.filter { $0.key != nil && $0.pending?.command != .remove }
  }

  private func handIn(_ job: TrackedJob) throws {
    let file = try submitter.handIn(job.bytes, &dice)
    oracle.submitted(job, file)
    try note(
      "\(file.fileName): \(job.recipe.name)\(job.maker.map { " after \($0.id ?? 0)" } ?? "")")
  }

  private func command() throws {
    let candidates = oracle.jobs.filter { $0.id != nil && $0.pending == nil }
    guard let job = candidates.randomElement(using: &dice) else { return }
    let isNeeded = oracle.isNeeded(job)
    let isOver = job.isOver
    let canExtend = job.recipe.work == .train && !job.isExtended && !isNeeded
    let command = dice.pick([
      (.cancel, isOver ? 0 : 4), (.hold, isOver ? 0 : 3), (.release, isOver ? 0 : 3),
      (.retry, isNeeded ? 0 : 3), (.prioritize(Int.random(in: -5...5, using: &dice)), 1),
      (JobCommand.extend(steps: Recipe.extendedSteps), canExtend ? 4 : 0),
      (.remove, isOver && !isNeeded ? 3 : 0),
    ])
    try give(command, to: job)
  }

  func give(_ command: JobCommand, to job: TrackedJob) throws {
    guard let id = job.id else { return }
    let text = Command.job(id, command).json.serialized(pretty: true)
    let file = try submitter.handIn(Array(text.utf8), &dice)
    job.pending = (command, file)
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
