import DurableIO
import Glibc
import Images
import JobRunner
import Jobs
import ModelConfig
import StrictJSON
import Synchronization
import TensorFiles
import Testing

func loadImage(path: String) throws -> Image { try loadImage(OpenFile(reading: path)) }

/// A folder of jobs, `jobs/ID/`, with a small data set beside it; removed at the end.
final class Jobs {
  let path: String
  var dataset: String { path + "/data.npy" }

  /// - inMemory: not on a disk, where possible: for tests that run thousands of jobs.
  init(inMemory: Bool = false) throws {
    let base = unsafe inMemory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    path = "\(base)/ddpm-test-\(getpid())-\(UInt64.random(in: .min ... .max))"
    try Directory.create(path)
    try writeDataset(count: 20)
  }

  /// 8×8 pictures of a square in different places.
  func writeDataset(count: Int) throws {
    try unsafe writeNpy(to: dataset, shape: [count, 8, 8, 1]) {
      (index, pixels: UnsafeMutableBufferPointer<UInt8>) in
      for i in 0..<16 {
        unsafe pixels[(i / 4 + index % 5) * 8 + i % 4 + index / 5] = UInt8(120 + 5 * index)
      }
    }
  }

  deinit { try? Directory.removeTree(path) }

  func directory(_ id: Int) -> JobDirectory { JobDirectory(path: "\(path)/jobs/\(id)") }

  /// A small train job: 12 steps, checkpoints at 5, 10 and 12, previews, if wanted, at 6 and 12.
  func train(previews: Bool = false, _ change: (inout TrainSpec) -> Void = { _ in }) -> JobSpec.Work
  {
    var unet = UNetConfig()
    unet.sampleSize = 8
    unet.inChannels = 1
    unet.outChannels = 1
    unet.blockOutChannels = [8, 16]
    unet.downBlockTypes = [.down, .attentionDown]
    unet.upBlockTypes = [.attentionUp, .up]
    unet.layersPerBlock = 1
    unet.normNumGroups = 4
    unet.dropout = 0.1
    var scheduler = SchedulerConfig()
    scheduler.numTrainTimesteps = 20
    var training = TrainingSpec(batchSize: 7, steps: 12)
    training.checkpointEvery = 5
    training.previewEvery = previews ? 6 : 0
    training.shards = 3
    var spec = TrainSpec(
      dataset: DatasetSpec(format: .npy, path: dataset), unet: unet, scheduler: scheduler,
      training: training)
    spec.dataset.horizontalFlip = true
    spec.optimizer.learningRate = 1e-3
    change(&spec)
    return .train(spec)
  }

  /// A sample job of 5 images with every form of output.
  func sample(
    _ model: ModelReference, _ change: (inout SampleSpec) -> Void = { _ in }
  ) -> JobSpec.Work {
    var spec = SampleSpec(model: model, count: 5)
    spec.output.formats = [.png, .npy, .npyFloat, .grid]
    change(&spec)
    return .sample(spec)
  }

  /// An evaluate job on the data set.
  func evaluate(
    _ model: ModelReference, _ change: (inout EvaluateSpec) -> Void = { _ in }
  ) -> JobSpec.Work {
    var spec = EvaluateSpec(
      model: model, dataset: DatasetSpec(format: .npy, path: dataset))
    spec.budget.images = 5
    change(&spec)
    return .evaluate(spec)
  }

  /// Admits a job as the daemon does.
  func add(
    _ id: Int, _ work: JobSpec.Work, name: String = "test", submitter: UInt32 = 0,
    editor: UInt32? = nil
  ) throws {
    let spec = JobSpec(name: name, seed: 42, work: work)
    var envelope = Envelope(
      id: id, submitter: submitter, submitted: .now(), sha256: "", fileName: "test.json",
      spec: spec,
      original: spec.json)
    envelope.editor = editor
    try Directory.create(directory(id).path)
    try AtomicFile.write(envelope.json.serialized(), to: directory(id).job)
  }

  /// What one run of a worker came to.
  struct Run {
    var code: Int32
    var messages: [WorkerMessage]
    var log: [String]
    /// The reason of the last message if it says that the job failed.
    var reason: String? { if case .failed(let reason)? = messages.last { reason } else { nil } }
  }

  /// Runs a worker until it ends or, asked `polls` times whether it should stop, is told to.
  @discardableResult
  func run(
    _ id: Int, threads: Int = 1, share: ThreadShare? = nil, memoryLimit: Int? = nil,
    dataRoots: [String]? = nil, stopAfter polls: Int = .max,
    onPoll: @escaping () -> Void = {}
  ) throws -> Run {
    let messages = path + "/messages"
    let descriptor = unsafe open(messages, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC, 0o644)
    defer { close(descriptor) }
    let log = Mutex<[String]>([])
    let left = Mutex(polls)
    let worker = Worker(
      job: directory(id).path, threads: threads, share: share, memoryLimit: memoryLimit,
      dataRoots: dataRoots, progress: ProgressPipe(descriptor: descriptor),
      isStopRequested: {
        onPoll()
        return left.withLock { left in
          left -= 1
          return left < 0
        }
      },
      log: { line in log.withLock { $0.append(line) } })
    let code = worker.run()
    let lines = try Syscalls.$fileSystem.withValue(nil) {
      String(decoding: try readFile(messages), as: UTF8.self)
    }
    return Run(
      code: code, messages: lines.split(separator: "\n").compactMap { WorkerMessage(line: $0) },
      log: log.withLock { $0 })
  }

  /// Runs workers, each stopped after some polls and with another number of threads, to the end;
  /// returns how many it took.
  func runInPieces(_ id: Int, polls: [Int]) throws -> Int {
    for attempt in 0..<100 {
      let run = try run(
        id, threads: attempt % 3 + 1, stopAfter: polls[attempt % polls.count])
      if run.code == WorkerExit.finished { return attempt + 1 }
      #expect(run.code == WorkerExit.stopped)
      #expect(run.messages.last == .stopped)
    }
    Issue.record("the job does not end")
    return 0
  }

  /// SHA-256 of the named result of a job.
  func sum(_ id: Int, _ name: String) throws -> String {
    try SHA256.of(file: directory(id).results + "/" + name).hex
  }

  /// A parsed JSON file.
  func json(_ path: String) throws -> JSONValue { try JSONValue(parsing: try readFile(path)) }
}

extension JobSpec.Work {
  /// The same job with other threads.
  func onThreads(_ threads: Int) -> JobSpec.Work {
    switch self {
    case .train(var spec):
      spec.training.threads = threads
      return .train(spec)
    case .sample(var spec):
      spec.threads = threads
      return .sample(spec)
    case .evaluate(var spec):
      spec.threads = threads
      return .evaluate(spec)
    }
  }
}
