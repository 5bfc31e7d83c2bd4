import DurableIO
import Glibc
import Images
import JobRunner
import Jobs
import ModelConfig
import ModelFiles
import StrictJSON
import TensorCore
import Testing

struct TrainJobTests {
  private static let weights = "unet/diffusion_pytorch_model.safetensors"
  private static let deterministic = [
    weights, "raw/" + weights, "unet/config.json", "model_index.json", "loss.png",
    "scheduler/scheduler_config.json", "previews/step-00000006.png", "previews/step-00000012.png",
  ]

  /// A job that is given more steps when it is done has the optimizer's state, and ends as one
  /// that had them from the start.
  @Test func extendingAJobDoesNotChangeBits() throws {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train())
    try jobs.add(2, jobs.train { $0.training.steps = 8 })
    try jobs.run(1)
    try jobs.run(2)
    let directory = jobs.directory(2)
    try Directory.rename(directory.results, to: directory.results(after: 8))
    try AtomicFile.write(Amendment(steps: 12).json.serialized(), to: directory.amendment)
    let run = try jobs.run(2)
    #expect(run.code == WorkerExit.finished)
    #expect(run.log.contains("continues after step 8"))
    for weights in [Self.weights, "raw/" + Self.weights] {
      #expect(try jobs.sum(2, weights) == jobs.sum(1, weights))
    }
    #expect(try jobs.json(directory.results + "/manifest.json")["job"]?["training"]?["steps"] == 12)
  }

  @Test func leavesAModelFolderWithEverythingAround() throws {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train(previews: true))
    let run = try jobs.run(1)
    #expect(run.code == WorkerExit.finished)
    #expect(run.messages.last == .finished)
    guard case .progress(let progress)? = run.messages.first else {
      Issue.record("no progress was reported")
      return
    }
    #expect(progress.step == 1 && progress.steps == 12 && progress.loss != nil)

    let results = jobs.directory(1).results
    #expect(try !Directory.exists(jobs.directory(1).resultsInProgress))
    let model = try DiffusersFolder(path: results)
    guard case .train(let spec) = jobs.train() else { return }
    #expect(model.unet == spec.unet && model.scheduler == spec.scheduler)
    #expect(try jobs.sum(1, Self.weights) != jobs.sum(1, "raw/" + Self.weights))

    let metrics = try AppendLog.lines(of: results + "/metrics.jsonl").map {
      try JSONValue(parsing: Array($0.utf8))
    }
    #expect(metrics.map { $0["step"]?.int } == (1...12).map { $0 })
    for line in metrics {
      for key in ["loss", "gradient_norm", "learning_rate", "images_per_second"] {
        #expect((line[key]?.double ?? 0) > 0)
      }
    }
    #expect(try loadImage(path: results + "/loss.png").width > 400)
    #expect(try loadImage(path: results + "/previews/step-00000012.png").width > 300)

    // Every file but the manifest is in the manifest, with its sum.
    let manifest = try jobs.json(results + "/manifest.json")
    let files = try #require(manifest["files"]?.array)
    for file in files {
      let path = try #require(file["path"]?.string)
      #expect(try jobs.sum(1, path) == file["sha256"]?.string)
    }
    let listed = Set(files.compactMap { $0["path"]?.string })
    #expect(
      listed
        == Set(
          Self.deterministic + ["metrics.jsonl", "raw/model_index.json"]
            + ["raw/unet/config.json", "raw/scheduler/scheduler_config.json"]))
    #expect(manifest["job"]?["seed"] == 42)
    #expect(manifest["kernels"]?.string != nil)

    // Run again, it finds that all is done.
    #expect(try jobs.run(1).messages == [.finished])
  }

  @Test func interruptionsAndThreadsDoNotChangeBits() throws {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train(previews: true))
    #expect(try jobs.run(1, threads: 2).code == WorkerExit.finished)
    let lines = try AppendLog.lines(of: jobs.directory(1).results + "/metrics.jsonl")
    // A preview takes 20 polls, and is begun anew when stopped.
    for (id, polls) in [(2, [1, 22]), (3, [3, 0, 26, 7]), (4, [30, 2])] {
      try jobs.add(id, jobs.train(previews: true).onThreads(id))
      #expect(try jobs.runInPieces(id, polls: polls) > 1)
      for file in Self.deterministic { #expect(try jobs.sum(id, file) == jobs.sum(1, file)) }
      let other = try AppendLog.lines(of: jobs.directory(id).results + "/metrics.jsonl")
      #expect(other.map(Self.withoutSpeed) == lines.map(Self.withoutSpeed))
    }
  }

  /// The losses from which t is drawn are in the checkpoints: without them a run continued in the
  /// middle would draw other timesteps.
  @Test func importanceSamplingSurvivesInterruptions() throws {
    let jobs = try Jobs()
    func work(_ timesteps: LossSpec.Timesteps) -> JobSpec.Work {
      jobs.train { spec in
        spec.scheduler?.numTrainTimesteps = 3
        spec.loss.kind = .vlb
        spec.loss.timesteps = timesteps
      }
    }
    try jobs.add(1, work(.importance))
    #expect(try jobs.run(1, threads: 2).code == WorkerExit.finished)
    try jobs.add(2, work(.importance).onThreads(2))
    #expect(try jobs.runInPieces(2, polls: [3, 1, 4, 2]) > 2)
    #expect(try jobs.sum(2, Self.weights) == jobs.sum(1, Self.weights))
    // Draws by importance had begun.
    try jobs.add(3, work(.uniform))
    try jobs.run(3)
    #expect(try jobs.sum(3, Self.weights) != jobs.sum(1, Self.weights))
  }

  /// A network with a learned variance is trained with L_hybrid, previewed, published, and sampled.
  @Test func aLearnedVarianceIsTrained() throws {
    let jobs = try Jobs()
    let work = jobs.train(previews: true) { spec in
      spec.unet?.outChannels = 2
      spec.scheduler?.varianceType = .learnedRange
      spec.loss.kind = .hybrid(vlbWeight: 0.001)
    }
    try jobs.add(1, work)
    #expect(try jobs.run(1, threads: 2).code == WorkerExit.finished)
    let model = try DiffusersFolder(path: jobs.directory(1).results)
    #expect(model.unet.outChannels == 2 && model.scheduler.varianceType == .learnedRange)
    try jobs.add(2, work)
    #expect(try jobs.runInPieces(2, polls: [3, 22]) > 1)
    #expect(try jobs.sum(2, Self.weights) == jobs.sum(1, Self.weights))
    try jobs.add(3, jobs.sample(.job(1)) { $0.sampler = .ddpm })
    #expect(try jobs.run(3).code == WorkerExit.finished)
  }

  private static func withoutSpeed(_ line: String) -> Substring? {
    line.split(separator: ", \"images").first ?? line.split(separator: ",\"images").first
  }

  /// What SIGKILL leaves: later lines, half a line, a later preview, a half-written checkpoint; and
  /// a newest checkpoint spoilt by the disk.
  @Test func aSpoiltCheckpointIsPassedOver() throws {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train(previews: true))
    try jobs.run(1)
    try jobs.add(2, jobs.train(previews: true))
    // Checkpoints 5 and 10 are there.
    #expect(try jobs.run(2, stopAfter: 20 + 10).code == WorkerExit.stopped)
    let folder = jobs.directory(2).checkpoints
    let names = try Directory.names(in: folder)
    #expect(names.map { $0.prefix(15) }.last == "step-0000000010")
    var bytes = try readFile(folder + "/step-0000000010.safetensors")
    bytes[bytes.count / 2] ^= 0x10
    try AtomicFile.write(bytes, to: folder + "/step-0000000010.safetensors")
    try AtomicFile.write("half", to: folder + "/step-0000000011.safetensors")
    try AtomicFile.write("half", to: folder + "/.step-0000000012.json.x.tmp")
    let metrics = String(decoding: try readFile(jobs.directory(2).metrics), as: UTF8.self)
    try AtomicFile.write(metrics + "{\"step\": 11, \"lo", to: jobs.directory(2).metrics)

    let run = try jobs.run(2)
    #expect(run.code == WorkerExit.finished)
    #expect(run.log.contains { $0.contains("step-0000000010") && $0.contains("SHA-256") })
    #expect(run.log.contains("continues after step 5"))
    for file in Self.deterministic { #expect(try jobs.sum(2, file) == jobs.sum(1, file)) }
    #expect(
      try AppendLog.lines(of: jobs.directory(2).metrics).map { line in
        try JSONValue(parsing: Array(line.utf8))["step"]?.int
      } == (1...12).map { $0 })
  }

  /// A failing disk, or death, at any one of the worker's system calls costs no job: it is run
  /// again, and ends in the same bits.
  @Test(arguments: [FaultPlan.Fault.crash, .failure(EIO)])
  func theMachinesFaultsDoNotFailTheJob(fault: FaultPlan.Fault) throws {
    let jobs = try Jobs(inMemory: true)
    let work = jobs.train { spec in
      spec.unet?.blockOutChannels = [4, 4]
      spec.unet?.attentionHeadDim = 4
      spec.training.batchSize = 2
      spec.training.steps = 2
      spec.training.checkpointEvery = 1
      spec.training.shards = 1
    }
    try jobs.add(1, work)
    try jobs.run(1)
    var id = 2
    var struck = true
    while struck {
      try jobs.add(id, work)
      let plan = FaultPlan(at: id - 2, fault)
      let run = try Syscalls.$fileSystem.withValue(plan) { try jobs.run(id) }
      struck = plan.struck
      let call = plan.calls[min(id - 2, plan.calls.count - 1)]
      // What the machine can spare is good to know, and no more.
      let matters = fault == .crash || !call.path.contains("cgroup")
      let end = struck && matters ? WorkerExit.stopped : WorkerExit.finished
      #expect(run.code == end, "\(call): \(run.reason ?? "")")
      #expect(run.messages.last != .stopped, "it was not asked to")
      #expect(try jobs.run(id).code == WorkerExit.finished)
      for file in [Self.weights, "raw/" + Self.weights, "loss.png"] {
        #expect(try jobs.sum(id, file) == jobs.sum(1, file))
      }
      try Directory.removeTree(jobs.directory(id).path)
      id += 1
    }
    #expect(id > 100)
  }

  /// A run that has come to weights of infinity ends; what it has is kept for who wants to look.
  @Test func aLossThatIsNotFiniteFailsTheJob() throws {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train())
    #expect(try jobs.run(1, stopAfter: 5).code == WorkerExit.stopped)
    let store = try CheckpointStore(path: jobs.directory(1).checkpoints)
    let checkpoint = try #require(try store.newest())
    let tensors = checkpoint.tensors.map { (name: $0.name, values: FloatBuffer(count: $0.count)) }
    for tensor in tensors { fill(tensor.values.all, with: .infinity) }
    try store.write(
      step: 6, state: checkpoint.state, tensors: tensors.map { ($0.name, $0.values.all) })

    let run = try jobs.run(1)
    #expect(run.code == WorkerExit.failed)
    let reason = try #require(run.reason)
    #expect(reason.contains("step 7") && reason.contains("learning_rate"))
    #expect(reason.contains("checkpoint of step 6"))
    #expect(try store.newest()?.step == 6)
    #expect(try !Directory.exists(jobs.directory(1).results))
  }

  @Test func badDataIsNamedBeforeTraining() throws {
    let jobs = try Jobs()
    try AtomicFile.write("no images", to: jobs.path + "/bad.npy")
    try jobs.add(1, jobs.train { $0.dataset.path = jobs.path + "/bad.npy" })
    let run = try jobs.run(1)
    #expect(run.code == WorkerExit.failed)
    #expect(run.reason?.contains("bad.npy") == true)
  }

  @Test func aJobDoesNotContinueOnOtherData() throws {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train())
    #expect(try jobs.run(1, stopAfter: 3).code == WorkerExit.stopped)
    try jobs.writeDataset(count: 19)
    let run = try jobs.run(1)
    #expect(run.code == WorkerExit.failed)
    #expect(run.reason?.contains("19 images now, and 20") == true)
  }

  /// Of a finished job the newest checkpoint stays.
  @Test func aFinishedJobKeepsItsNewestCheckpoint() throws {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train())
    #expect(try jobs.run(1).code == WorkerExit.finished)
    let folder = jobs.directory(1).checkpoints
    let newest = ["step-0000000012.json", "step-0000000012.safetensors"]
    #expect(try Directory.names(in: folder) == newest)
  }

  /// Steps 1 and those with a checkpoint.
  @Test func theLogSaysHowFarTheRunIs() throws {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train())
    let lines = try jobs.run(1).log.filter { $0.hasPrefix("step ") }
    #expect(
      lines.map { $0.split(separator: ":").first } == [1, 5, 10, 12].map { "step \($0) of 12" })
    for line in lines { #expect(line.contains("loss 0.") || line.contains("loss 1.")) }
    for line in lines { #expect(line.hasSuffix("images/s")) }
  }

  @Test func withoutAnAverageTheWeightsThemselvesArePublished() throws {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train { $0.ema.enabled = false })
    #expect(try jobs.run(1).code == WorkerExit.finished)
    #expect(try Directory.exists(jobs.directory(1).results + "/" + Self.weights))
    #expect(try !Directory.exists(jobs.directory(1).results + "/raw"))
  }

  @Test func oneWorkerAtATime() throws {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train())
    let lock = try #require(try FileLock.acquire(jobs.directory(1).lock))
    let run = try jobs.run(1)
    #expect(run.code == WorkerExit.stopped)
    // In words, whatever has become of the log.
    let reason = try #require(run.log.last)
    #expect(run.messages == [.hindered(reason: reason)] && reason.contains("lock"))
    lock.release()
    #expect(try jobs.run(1).code == WorkerExit.finished)
  }

  /// The daemon has died: its end of the pipe is closed.
  @Test func stopsWhenNobodyListens() throws {
    signal(SIGPIPE, SIG_IGN)
    let jobs = try Jobs()
    try jobs.add(1, jobs.train { $0.training.steps = 1_000_000 })
    var ends: [Int32] = [0, 0]
    try #require(unsafe pipe(&ends) == 0)
    close(ends[0])
    let worker = Worker(
      job: jobs.directory(1).path, threads: 1, progress: ProgressPipe(descriptor: ends[1]),
      isStopRequested: { false }, log: { _ in })
    #expect(worker.run() == WorkerExit.stopped)
    close(ends[1])
    #expect(try CheckpointStore(path: jobs.directory(1).checkpoints).newest() != nil)
  }

  @Test func aDamagedEnvelopeFailsTheJob() throws {
    let jobs = try Jobs()
    try Directory.create(jobs.directory(1).path)
    try AtomicFile.write("{}", to: jobs.directory(1).job)
    #expect(try jobs.run(1).code == WorkerExit.failed)
  }
}
