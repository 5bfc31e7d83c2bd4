import Glibc
import Jobs
import StrictJSON
import ModelConfig
import TensorFiles

@testable import Spool

extension Life {
  /// What happens to a queue without a worker: every command, refusals, keys, removal, two daemons.
  func runQueue() throws {
    let keyed = jobFile("keyed", #", "queue": {"idempotency_key": "k"}"#)
    try startDaemon()
    try add("one", jobFile("one"))
    try addBad(["{}"])
    try command("one", .prioritize(5)) { $0.priorities = [5] }
    try command("one", .hold) { $0.states = [.held] }
    try move("one", to: .held, .held)
    try command("one", .release) { $0.states = [.queued] }
    try add("keyed", keyed)
    expectRepetitions(of: "keyed", keyed)
    try move("one", to: .running, .started)
    try startDaemon()
    try move("one", to: .deferred, .deferred)
    try command("one", .retry) { $0.states = [.queued] }
    try command("one", .cancel) { $0.states = [.cancelled] }
    try move("one", to: .cancelled, .cancelled)
    try command("one", .remove) { $0.exists = false }
    try clear("one")
    try command(.pause)
    try move("keyed", to: .failed, .failed)
    try command("keyed", .retry) { $0.states = [.queued] }
    try command(.resume)
    try command("keyed", .cancel) { $0.states = [.cancelled] }
    try move("keyed", to: .cancelled, .cancelled)
    try addRefused("other", jobFile("other", #", "queue": {"idempotency_key": "k"}"#))
    try purge("keyed")
    try add("brief", jobFile("brief"))
    try move("brief", to: .running, .started)
    try move("brief", to: .failed, .failed)
    try purge("brief")
    try add("keyed", keyed)
    try add("last", jobFile("last", #", "queue": {"hold": true}"#), to: .held)
    try addExchanged("late", jobFile("late"))
    try addArray(["x", "y"], arrayFile)
    // The first of its jobs is good.
    try addRefused("z", jobFile("z").replacing("4", with: #"4, "array": {"count": [4, -1]}"#))
  }

  /// The same in short: a job is refused, another held, run, cancelled and removed.
  func runBriefly() throws {
    try startDaemon()
    try addBad(["{}"])
    try add("one", jobFile("one", #", "queue": {"idempotency_key": "k"}"#))
    try add("two", jobFile("two"))
    try addArray(["x", "y"], arrayFile)
    try move("x", to: .running, .started)
    try command("one", .hold) { $0.states = [.held] }
    try move("one", to: .held, .held)
    try command("one", .release) { $0.states = [.queued] }
    try move("one", to: .running, .started)
    try startDaemon()
    try command("one", .cancel) { $0.states = [.cancelled] }
    try startDaemon()
    try command("one", .remove) { $0.exists = false }
    try startDaemon()
  }

  /// More jobs at once than are synced one by one, and more refusals.
  func runFlood() throws {
    try startDaemon()
    try addMany((1...9).map { "job-\($0)" })
    try addBad(Array(repeating: "{}", count: 9))
  }

  private var arrayFile: String { jobFile("x", #", "array": {"name": ["x", "y"]}"#) }

  /// The life of a train job: begun, stopped, ended, extended, ended again, removed.
  func runTraining() throws {
    let dataset = root + ".npy"
    try unsafe writeNpy(to: dataset, shape: [6, 8, 8, 1]) {
      (index, pixels: UnsafeMutableBufferPointer<UInt8>) in
      for i in 0..<64 { unsafe pixels[i] = UInt8(30 * index + i) }
    }
    try startDaemon()
    try add("train", trainFile(dataset))
    try move("train", to: .running, .started)
    try work("train", stopAfter: 2, reaching: 1)
    try move("train", to: .queued, .stopped)
    try move("train", to: .running, .started)
    try work("train", reaching: 2)
    try move("train", to: .done, .finished)
    try command("train", .extend(steps: 3)) { job in
      job.states = [.queued]
      job.steps = [3]
      job.results = ["results-2"]
    }
    try move("train", to: .running, .started)
    try work("train", reaching: 3)
    try move("train", to: .done, .finished)
    try purge("train")
    try startDaemon()
  }

  private func trainFile(_ dataset: String) -> String {
    var unet = UNetConfig()
    unet.sampleSize = 8
    unet.inChannels = 1
    unet.outChannels = 1
    unet.blockOutChannels = [4, 4]
    unet.downBlockTypes = [.down, .down]
    unet.upBlockTypes = [.up, .up]
    unet.layersPerBlock = 1
    unet.normNumGroups = 4
    unet.attentionHeadDim = 4
    var scheduler = SchedulerConfig()
    scheduler.numTrainTimesteps = 4
    var training = TrainingSpec(batchSize: 2, steps: 2)
    training.checkpointEvery = 1
    training.shards = 1
    var spec = TrainSpec(
      dataset: DatasetSpec(format: .npy, path: dataset), unet: unet, scheduler: scheduler,
      training: training)
    spec.holdout = HoldoutSpec(.images(2))
    spec.holdout?.bank = 2
    spec.holdout?.every = 1
    return JobSpec(name: "train", seed: 1, work: .train(spec)).json.serialized()
  }
}
