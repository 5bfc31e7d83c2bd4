import DurableIO
import Images
import JobRunner
import Jobs
import ModelConfig
import StrictJSON
import Testing

struct EvaluateJobTests {
  /// Jobs of which number 1 has trained a model, called `model`.
  private func jobsWithModel(_ change: (inout TrainSpec) -> Void = { _ in }) throws -> Jobs {
    let jobs = try Jobs()
    try jobs.add(
      1,
      jobs.train { spec in
        spec.training.steps = 3
        change(&spec)
      }, name: "model")
    #expect(try jobs.run(1).code == WorkerExit.finished)
    return jobs
  }

  private func evaluation(_ jobs: Jobs, _ id: Int) throws -> JSONValue {
    try jobs.json(jobs.directory(id).results + "/evaluation.json")
  }

  private func bits(_ json: JSONValue?) -> Double { json?["bits_per_dim"]?.double ?? .nan }

  private static let files = [
    "evaluation.json", "terms.csv", "rate_distortion.csv", "terms.png", "rate_distortion.png",
  ]

  @Test(arguments: [nil, 4]) func batchesThreadsAndInterruptionsDoNotChangeABit(
    timesteps: Int?
  ) throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, jobs.evaluate(.job(1)) { $0.timesteps = timesteps })
    let run = try jobs.run(2)
    #expect(run.code == WorkerExit.finished && run.messages.last == .finished)
    for (id, batchSize) in [(3, 1), (4, 2), (5, 5)] {
      try jobs.add(
        id,
        jobs.evaluate(.job(1)) { spec in
          spec.timesteps = timesteps
          spec.batchSize = batchSize
        })
      #expect(try jobs.runInPieces(id, polls: [2, 1, 3, 2]) > 1)
      for file in Self.files { #expect(try jobs.sum(id, file) == jobs.sum(2, file), "\(file)") }
      #expect(try !Directory.exists(jobs.directory(id).checkpoints))
    }
  }

  @Test func theTermsAddUpToTheBound() throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, jobs.evaluate(.jobNamed("model")))
    try jobs.run(2)
    let json = try evaluation(jobs, 2)
    #expect(json["images"] == 5 && json["dataset_images"] == 20 && json["dimensions"] == 64)
    #expect(json["timesteps"] == ["chain": 20, "per_image": 20, "exact": true])
    let results = try #require(json["results"]?.array)
    #expect(results.compactMap { $0["weights"]?.string } == ["ema", "raw"])
    for result in results {
      let terms = try #require(result["terms"]?.array)
      #expect(terms.compactMap { $0["first_t"]?.int } == (1...20).reversed())
      let sum = terms.reduce(bits(result["prior"])) { $0 + bits($1) }
      #expect(abs(sum - bits(result["nll"])) < 1e-9 * sum)
      let rate = bits(result["prior"]) + bits(result["transitions"])
      #expect(abs(rate + bits(result["decoder"]) - sum) < 1e-9 * sum)
      #expect(bits(terms.last) == bits(result["decoder"]))
      // The curve begins with the prior's bits and ends with all but the decoder's.
      #expect(terms.first?["rate"]?.double == bits(result["prior"]))
      #expect(abs((terms.last?["rate"]?.double ?? .nan) - rate) < 1e-9 * rate)
      #expect(result["rate"]?["rmse"] == terms.last?["rmse"])
    }
    // The same images and the same noise: what the models share is known exactly.
    #expect(results[0]["prior"] == results[1]["prior"])
    let difference = bits(results[1]["nll"]) - bits(results[0]["nll"])
    #expect(abs(bits(json["difference"]) - difference) < 1e-9)
    #expect(json["difference"]?["of"] == "raw minus ema")
  }

  /// Of T = 1000 steps of the linear schedule; the prior does not ask the network.
  @Test func thePriorOfTheLinearScheduleIsNearlyNothing() throws {
    let jobs = try jobsWithModel { $0.scheduler?.numTrainTimesteps = 1000 }
    try jobs.add(
      2,
      jobs.evaluate(.job(1)) { spec in
        spec.timesteps = 2
        spec.budget.images = 2
      })
    try jobs.run(2)
    let prior = bits(try evaluation(jobs, 2)["results"]?.array?.first?["prior"])
    #expect(prior > 1e-6 && prior < 5e-5)
  }

  @Test func aLargerBudgetGoesOnFromASmallerOne() throws {
    let jobs = try jobsWithModel()
    for (id, images) in [(2, 3), (3, 4), (4, 40)] {
      try jobs.add(id, jobs.evaluate(.job(1)) { $0.budget.images = images })
      try jobs.run(id)
    }
    let found = try (2...4).map { id in
      let json = try evaluation(jobs, id)
      let nll = json["results"]?.array?.first?["nll"]
      let (count, error) = (json["images"]?.int ?? 0, nll?["standard_error"]?.double ?? .nan)
      // Number, mean, sum of the squared distances from the mean.
      return (n: count, mean: bits(nll), squares: error * error * Double(count * (count - 1)))
    }
    #expect(found.map(\.n) == [3, 4, 20])
    // If three of the four images are the three, the fourth's bound follows from the means, and with
    // it the squares.
    let distance = 4 * found[1].mean - 3 * found[0].mean - found[0].mean
    let squares = found[0].squares + distance * distance * 3 / 4
    #expect(abs(squares - found[1].squares) < 1e-9 * squares)
  }

  /// However short the time, one image is scored; interruptions do not give more time.
  @Test func minutesDecideHowManyImagesAndNothingElse() throws {
    let jobs = try jobsWithModel()
    try jobs.add(
      2,
      jobs.evaluate(.job(1)) { spec in
        spec.budget.images = nil
        spec.budget.minutes = 1e-9
        spec.batchSize = 3
      })
    let run = try jobs.run(2)
    #expect(run.code == WorkerExit.finished)
    let images = try #require(try evaluation(jobs, 2)["images"]?.int)
    #expect((1...3).contains(images))
    try jobs.add(3, jobs.evaluate(.job(1)) { $0.budget.images = images })
    try jobs.run(3)
    #expect(try jobs.sum(3, "evaluation.json") == jobs.sum(2, "evaluation.json"))
    guard case .progress(let last)? = run.messages.dropLast().last else {
      Issue.record("no progress")
      return
    }
    #expect(last.step == images && last.steps == images)
    let nll = bits(try evaluation(jobs, 2)["results"]?.array?.first?["nll"])
    #expect(abs((last.bitsPerDimension ?? .nan) - nll) < 1e-4)
  }

  /// Estimates from few timesteps scatter around the exact bound.
  @Test func fewTimestepsEstimateTheBoundWithoutBias() throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, jobs.evaluate(.job(1)) { $0.budget.images = nil })
    try jobs.run(2)
    let exact = try evaluation(jobs, 2)["results"]?.array?.first
    try jobs.add(
      3,
      jobs.evaluate(.job(1)) { spec in
        spec.budget.images = nil
        spec.timesteps = 3
      })
    try jobs.run(3)
    let json = try evaluation(jobs, 3)
    let estimate = json["results"]?.array?.first
    #expect(json["timesteps"] == ["chain": 20, "per_image": 3, "exact": false])
    let error = try #require(estimate?["nll"]?["standard_error"]?.double)
    #expect(abs(bits(estimate?["nll"]) - bits(exact?["nll"])) < 4 * error)
    #expect(bits(estimate?["nll"]) != bits(exact?["nll"]))
    // t = 1 is a part of its own, with the same noise.
    #expect(estimate?["decoder"] == exact?["decoder"])
  }

  @Test func weightsAreThoseThatThereAre() throws {
    let jobs = try jobsWithModel { $0.ema.enabled = false }
    try jobs.add(2, jobs.evaluate(.job(1)))
    try jobs.run(2)
    let json = try evaluation(jobs, 2)
    #expect(json["results"]?.array?.compactMap { $0["weights"]?.string } == ["model"])
    #expect(json["difference"] == nil)
    try jobs.add(3, jobs.evaluate(.job(1)) { $0.weights = [.raw] })
    let run = try jobs.run(3)
    #expect(run.code == WorkerExit.failed && run.reason?.contains("no folder raw/") == true)

    let averaged = try jobsWithModel()
    try averaged.add(2, averaged.evaluate(.job(1)))
    try averaged.add(3, averaged.evaluate(.job(1)) { $0.weights = [.raw] })
    try averaged.add(4, averaged.evaluate(.path(averaged.directory(1).results + "/raw")))
    for id in 2...4 { try averaged.run(id) }
    let both = try evaluation(averaged, 2)["results"]?.array
    let raw = try evaluation(averaged, 3)["results"]?.array
    #expect(raw?.count == 1 && raw?[0] == both?[1] && both?[0] != both?[1])
    let alone = try evaluation(averaged, 4)["results"]?.array
    #expect(alone?[0]["nll"] == raw?[0]["nll"])
    let manifest = try averaged.json(averaged.directory(3).results + "/manifest.json")
    #expect(manifest["inputs"]?["raw_weights"]?["sha256"]?.string != nil)
    #expect(manifest["inputs"]?["dataset"]?.string == averaged.dataset)
  }

  @Test func whatHasChangedFailsTheJob() throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, jobs.evaluate(.job(1)))
    #expect(try jobs.run(2, stopAfter: 2).code == WorkerExit.stopped)
    try jobs.writeDataset(count: 19)
    let run = try jobs.run(2)
    #expect(run.code == WorkerExit.failed)
    #expect(run.reason?.contains("has 19 images now, and 20 when the job began") == true)

    try jobs.add(3, jobs.evaluate(.job(1)) { $0.timesteps = 21 })
    #expect(try jobs.run(3).reason?.contains("$.timesteps: found 21, allowed is 2 to 20") == true)
    try jobs.add(4, jobs.evaluate(.job(2)))
    #expect(try jobs.run(4).reason?.contains("job 2 is an evaluate job") == true)
  }
}
