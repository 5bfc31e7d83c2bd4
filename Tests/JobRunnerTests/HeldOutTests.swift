import Datasets
import DurableIO
import Images
import JobRunner
import Jobs
import ModelFiles
import StrictJSON
import TensorCore
import TensorFiles
import Testing

/// Train jobs with `holdout`.
struct HeldOutTests {
  private static let weights = "unet/diffusion_pytorch_model.safetensors"
  private static let files = [
    weights, "raw/" + weights, "best/" + weights, "heldout.json", "heldout.jsonl", "loss.png",
  ]

  /// Scores after every second step, with a learning rate that makes the model worse and worse.
  private func train(
    _ jobs: Jobs, _ change: (inout TrainSpec) -> Void = { _ in }
  ) -> JobSpec.Work {
    jobs.train { spec in
      spec.holdout = HoldoutSpec(.images(5))
      spec.holdout?.bank = 20
      spec.holdout?.every = 2
      spec.ema.decay = 0.1
      spec.optimizer.learningRate = 0.3
      change(&spec)
    }
  }

  private func scores(_ jobs: Jobs, _ id: Int) throws -> [JSONValue] {
    try AppendLog.lines(of: jobs.directory(id).results + "/heldout.jsonl").map {
      try JSONValue(parsing: Array($0.utf8))
    }
  }

  @Test func theBestCheckpointIsPublished() throws {
    let jobs = try Jobs()
    try jobs.add(1, train(jobs))
    let run = try jobs.run(1)
    #expect(run.code == WorkerExit.finished, "\(run.reason ?? "")")
    let scores = try scores(jobs, 1)
    #expect(scores.compactMap { $0["step"]?.int } == [2, 4, 6, 8, 10, 12])
    #expect(scores.allSatisfy { $0["ema"] != $0["raw"] && $0["raw"]?.double != nil })
    let best = try #require(
      scores.min { ($0["ema"]?.double ?? .nan) < ($1["ema"]?.double ?? .nan) })
    let summary = try jobs.json(jobs.directory(1).results + "/heldout.json")
    #expect(summary["best"] == best && summary["images"] == 5 && summary["bank"] == 20)
    let step = try #require(best["step"]?.int)
    try #require(step < 12, "the test wants a model that becomes worse: \(scores)")
    // A job that ends there has this model.
    try jobs.add(2, train(jobs) { $0.training.steps = step })
    try jobs.run(2)
    #expect(try jobs.sum(2, Self.weights) == jobs.sum(1, "best/" + Self.weights))
    #expect(try jobs.sum(1, Self.weights) != jobs.sum(1, "best/" + Self.weights))
    #expect(
      try CheckpointStore(path: jobs.directory(1).checkpoints + "/best").newest()?.step == step)
    #expect(try CheckpointStore(path: jobs.directory(1).checkpoints).newest()?.step == 12)
  }

  /// The same training on a data set that has only the other images ends in the same bits; the
  /// scores are of the images held out.
  @Test func heldOutImagesAreNeverTrainedOn() throws {
    let jobs = try Jobs()
    try jobs.add(1, train(jobs))
    #expect(try jobs.run(1).code == WorkerExit.finished)

    let all = try openDataset(path: jobs.dataset, format: .npy, size: 8, channels: 1)
    let split = HeldOutSplit(
      all, holdingOut: 5, random: Philox(seed: 42, stream: 10))
    let others = jobs.path + "/others.npy"
    try unsafe writeNpy(to: others, shape: [15, 8, 8, 1]) {
      (index, pixels: UnsafeMutableBufferPointer<UInt8>) in
      do {
        try unsafe split.training.read(index, into: pixels)
      } catch {
        Issue.record(error)
      }
    }
    try jobs.add(
      2,
      train(jobs) { spec in
        spec.holdout = nil
        spec.dataset.path = others
      })
    #expect(try jobs.run(2).code == WorkerExit.finished)
    #expect(try jobs.sum(2, Self.weights) == jobs.sum(1, Self.weights))
    #expect(try !Directory.exists(jobs.directory(2).results + "/heldout.json"))
  }

  @Test func interruptionsAndThreadsDoNotChangeBits() throws {
    let jobs = try Jobs()
    try jobs.add(1, train(jobs))
    try jobs.run(1)
    for (id, polls) in [(2, [1, 9]), (3, [11, 0, 8]), (4, [15, 7])] {
      try jobs.add(id, train(jobs).onThreads(id))
      #expect(try jobs.runInPieces(id, polls: polls) > 1)
      for file in Self.files { #expect(try jobs.sum(id, file) == jobs.sum(1, file), "\(file)") }
    }
  }

  /// Death at any of the worker's system calls, and a start from the checkpoint before: the best
  /// checkpoint may then be of a step that is still to come.
  @Test func theBestIsTheBestWhereverTheWorkerDies() throws {
    let jobs = try Jobs()
    let work = train(jobs) { spec in
      spec.holdout?.every = 1
      spec.training.steps = 5
      spec.training.checkpointEvery = 2
    }
    try jobs.add(1, work)
    try jobs.run(1)
    var id = 2
    var struck = true
    while struck {
      try jobs.add(id, work)
      let plan = FaultPlan(at: 61 * (id - 2) + 5, .crash)
      try Syscalls.$fileSystem.withValue(plan) { _ = try jobs.run(id) }
      struck = plan.struck
      #expect(try jobs.run(id).code == WorkerExit.finished)
      for file in Self.files {
        #expect(try jobs.sum(id, file) == jobs.sum(1, file), "\(id) \(file)")
      }
      id += 1
    }
    #expect(id > 5)
  }

  @Test func aDamagedBestCheckpointIsLeftOut() throws {
    let jobs = try Jobs()
    try jobs.add(1, train(jobs))
    // Behind the best score.
    #expect(try jobs.run(1, stopAfter: 21).code == WorkerExit.stopped)
    let folder = jobs.directory(1).checkpoints + "/best"
    for name in try Directory.names(in: folder) where name.hasSuffix(".safetensors") {
      var bytes = try readFile("\(folder)/\(name)")
      bytes[bytes.count / 2] ^= 1
      try AtomicFile.write(bytes, to: "\(folder)/\(name)")
    }
    let run = try jobs.run(1)
    #expect(run.code == WorkerExit.finished)
    #expect(run.log.contains { $0.contains("SHA-256") && $0.contains("/best/") })
    #expect(try !Directory.exists(jobs.directory(1).results + "/best"))
  }

  @Test func withoutAnAverageThePlainWeightsAreScored() throws {
    let jobs = try Jobs()
    try jobs.add(1, train(jobs) { $0.ema.enabled = false })
    #expect(try jobs.run(1).code == WorkerExit.finished)
    #expect(try scores(jobs, 1).allSatisfy { $0["ema"] == nil && $0["raw"]?.double != nil })
    #expect(try Directory.exists(jobs.directory(1).results + "/best/" + Self.weights))
  }

  @Test func scoresComeWithThePreviews() throws {
    let jobs = try Jobs()
    try jobs.add(
      1,
      train(jobs) { spec in
        spec.holdout?.every = nil
        spec.training.previewEvery = 5
        spec.holdout?.size = .fraction(0.1)
      })
    #expect(try jobs.run(1).code == WorkerExit.finished)
    #expect(try scores(jobs, 1).compactMap { $0["step"]?.int } == [5, 10, 12])
    #expect(try jobs.json(jobs.directory(1).results + "/heldout.json")["images"] == 2)
  }

  @Test(arguments: [HoldoutSpec.Size.images(20), .images(21), .fraction(0.99)])
  func someImagesAreLeftToTrainOn(size: HoldoutSpec.Size) throws {
    let jobs = try Jobs()
    try jobs.add(1, train(jobs) { $0.holdout?.size = size })
    let run = try jobs.run(1)
    #expect(run.code == WorkerExit.failed)
    #expect(run.reason?.contains("all 20 images") == true)
  }
}
