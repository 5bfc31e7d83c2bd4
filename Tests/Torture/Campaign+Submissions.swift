import Jobs
import StrictJSON

/// What users submit meanwhile.
extension Campaign {
  /// Submits a job, or an array, or once more what came with an idempotency key.
  func submit() throws {
    if dice.chance(0.15), let file = repeatable.randomElement(using: &dice) {
      let submission = try submitter.handIn(file.bytes, &dice)
      oracle.submittedAgain(file, submission)
      return try note("\(submission.fileName): \(file.names) again")
    }
    let makers = oracle.jobs.filter {
      $0.recipe.work == .train && $0.canBeCommanded && !$0.isCancelled
    }
    var recipe = Recipe(
      training: Recipe.Training.short.randomElement(using: &dice) ?? .plain, work: .train)
    var maker: TrackedJob?
    var condition: Dependency.Condition?
    if dice.chance(0.55), let found = makers.randomElement(using: &dice) {
      maker = found
      recipe = found.outcome
      recipe.work = dice.chance(0.6) ? .sample : .evaluate
      condition = dice.chance(0.5) ? .ok : nil
    } else if dice.chance(0.2), let found = makers.randomElement(using: &dice) {
      maker = found
      condition = dice.chance(0.7) ? .any : .notOk
    }
    let id: JSONValue = .integer(maker?.id ?? 0)
    var queue: JSONObject = [:]
    if let condition { queue["after"] = [["job": id, "when": .string(condition.rawValue)]] }
    if dice.chance(0.1) { queue["hold"] = true }
    if recipe.work == .train && dice.chance(0.1) {
      recipe.training = .long
      queue["time_limit"] = 1
    }
    var key: String?
    if dice.chance(0.3) {
      keys += 1
      key = "key-\(keys)"
      queue["idempotency_key"] = .string("key-\(keys)")
    }
    if dice.chance(0.3) { queue["priority"] = .integer(Int.random(in: -5...5, using: &dice)) }
    let job = recipe.job(images: images, model: ["job": id], queue: queue)
    try submit(dice.chance(0.15) ? array(of: job) : [job], recipe, key: key, maker, condition)
  }

  /// Some jobs that differ in their priority.
  private func array(of job: JSONObject) -> [JSONObject] {
    (0..<Int.random(in: 2...4, using: &dice)).map { _ in
      var member = job
      var queue = job["queue"]?.object ?? [:]
      queue["priority"] = .integer(Int.random(in: -5...5, using: &dice))
      member["queue"] = .object(queue)
      return member
    }
  }

  /// - jobs: one job, or those of an array.
  private func submit(
    _ jobs: [JSONObject], _ recipe: Recipe, key: String?, _ maker: TrackedJob?,
    _ condition: Dependency.Condition?
  ) throws {
    var json = jobs[0]
    if jobs.count > 1 {
      let priorities = jobs.map { $0["queue"]?.object?["priority"] ?? .null }
      json["array"] = ["queue.priority": .array(priorities)]
    }
    let file = JobFile(
      Array(JSONValue.object(json).serialized(pretty: true).utf8), count: jobs.count, key: key,
      maker: maker, condition: condition)
    let submission = try submitter.handIn(file.bytes, &dice)
    oracle.submitted(
      try jobs.enumerated().map { try TrackedJob(file, place: $0, recipe, .object($1)) }, submission
    )
    let after = maker.map { " after \($0.id ?? 0)" } ?? ""
    try note("\(submission.fileName): \(jobs.count) \(recipe.name)\(after)")
  }

  /// Files that can be submitted again without becoming jobs once more.
  private var repeatable: [JobFile] {
    if oracle.isPurging { return [] }
    return oracle.jobs.filter { $0.place == 0 }.map(\.file).filter { file in
      file.key != nil && !file.isRemoved && !file.submissions.contains(where: \.wasSlow)
    }
  }
}
