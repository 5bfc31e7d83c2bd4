import DurableIO
import JobRunner
import Jobs
import ModelConfig
import ModelFiles
import StrictJSON
import TensorFiles
import Testing

/// Train jobs that start from a model.
struct TrainedModelTests {
  private static let weights = "unet/diffusion_pytorch_model.safetensors"

  /// Jobs of which number 1 is a finished train job.
  private func jobsWithModel() throws -> Jobs {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train(), name: "model")
    try jobs.run(1)
    return jobs
  }

  /// A train job that takes all it can from `model`.
  private func tune(
    _ jobs: Jobs, from model: ModelReference, _ change: (inout TrainSpec) -> Void = { _ in }
  ) -> JobSpec.Work {
    jobs.train { spec in
      spec.initial = model
      spec.unet = nil
      spec.scheduler = nil
      change(&spec)
    }
  }

  private func flatWeights(_ jobs: Jobs, _ id: Int) throws -> [Float] {
    let file = try SafetensorsFile(path: jobs.directory(id).results + "/" + Self.weights)
    return try file.entries.flatMap { entry in
      var values = [Float](repeating: 0, count: entry.count)
      try unsafe values.withUnsafeMutableBufferPointer {
        try unsafe file.read(entry.name, into: $0)
      }
      return values
    }
  }

  /// With a learning rate that float32 cannot see, what comes out is what went in.
  @Test func startsFromTheModelsWeights() throws {
    let jobs = try jobsWithModel()
    for (id, model) in [
      (2, ModelReference.job(1)), (3, .jobNamed("model")), (4, .path(jobs.directory(1).results)),
    ] {
      try jobs.add(id, tune(jobs, from: model) { $0.optimizer.learningRate = 1e-30 })
      #expect(try jobs.run(id).code == WorkerExit.finished)
      #expect(try jobs.sum(id, "raw/" + Self.weights) == jobs.sum(1, Self.weights))
      #expect(try jobs.sum(id, "unet/config.json") == jobs.sum(1, "unet/config.json"))
      let (found, expected) = (try flatWeights(jobs, id), try flatWeights(jobs, 1))
      #expect(
        zip(found, expected).allSatisfy { abs($0 - $1) < 1e-5 }, "the average starts there too")
      let manifest = try jobs.json(jobs.directory(id).results + "/manifest.json")
      #expect(
        manifest["inputs"]?["init"]?["weights"]?["sha256"]?.string
          == (try jobs.sum(1, Self.weights)))
    }
    try jobs.add(5, tune(jobs, from: .job(1)))
    try jobs.run(5)
    #expect(try jobs.sum(5, Self.weights) != jobs.sum(1, Self.weights))
  }

  /// Also when the model vanishes behind the first checkpoint.
  @Test func interruptionsDoNotChangeBits() throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, tune(jobs, from: .job(1)))
    try jobs.run(2)
    try jobs.add(3, tune(jobs, from: .job(1)).onThreads(2))
    for polls in [0, 3] {
      #expect(try jobs.run(3, stopAfter: polls).code == WorkerExit.stopped)
    }
    try Directory.removeTree(jobs.directory(1).results)
    #expect(try jobs.runInPieces(3, polls: [1, 4]) > 1)
    for file in [Self.weights, "raw/" + Self.weights] {
      #expect(try jobs.sum(2, file) == jobs.sum(3, file))
    }
  }

  @Test func aModelThatChangesBeforeTheFirstCheckpointFailsTheJob() throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, tune(jobs, from: .job(1)))
    #expect(try jobs.run(2, stopAfter: 0).code == WorkerExit.stopped)
    try Directory.removeTree(jobs.directory(2).checkpoints)
    let weights = jobs.directory(1).results + "/" + Self.weights
    var bytes = try readFile(weights)
    bytes[bytes.count - 1] ^= 1
    try AtomicFile.write(bytes, to: weights)
    let run = try jobs.run(2)
    #expect(run.code == WorkerExit.failed && run.reason?.contains("has changed") == true)
  }

  @Test func sectionsThatAreGivenMustFitTheModel() throws {
    let jobs = try jobsWithModel()
    try jobs.add(
      2,
      jobs.train { spec in
        spec.initial = .job(1)
        spec.unet?.blockOutChannels = [8, 32]
        spec.unet?.normEps = 1e-6
        spec.scheduler?.predictionType = .velocity
      })
    let reason = try #require(try jobs.run(2).reason)
    #expect(
      reason.hasPrefix(
        "$.unet.block_out_channels: found [8, 32], and the model of $.init has [8, 16]; "
          + "$.unet.norm_eps: found 1e-06"))
    #expect(
      reason.contains(
        "$.scheduler.prediction_type: found \"v_prediction\", and the model of $.init"))

    // Dropout is no part of the weights, and the model may learn another chain.
    try jobs.add(
      3,
      jobs.train { spec in
        spec.initial = .job(1)
        spec.unet?.dropout = 0.25
        spec.scheduler?.numTrainTimesteps = 30
      })
    #expect(try jobs.run(3).code == WorkerExit.finished)
    let model = try DiffusersFolder(path: jobs.directory(3).results)
    #expect(model.unet.dropout == 0.25 && model.scheduler.numTrainTimesteps == 30)
  }

  @Test func aModelThatIsNotThereFailsTheJob() throws {
    let jobs = try Jobs()
    try jobs.add(2, tune(jobs, from: .job(9)))
    #expect(try jobs.run(2).reason == "$.init.job: there is no job 9")
  }
}
