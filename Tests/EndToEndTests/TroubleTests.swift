import Foundation
import Glibc
import Testing

/// Real programs on real file systems that fail them: what the machine does wrong costs time and
/// nothing else.
@Suite(
  .enabled(if: Disk.canMount, "only root can mount a file system to be filled"),
  .timeLimit(.minutes(10)))
struct TroubleTests {
  @Test(arguments: Trouble.allCases)
  func nothingIsLostAndBitsStayTheSame(trouble: Trouble) async throws {
    let desk = try Desk(in: "disk")
    let disk = try Disk(trouble.disk.type, trouble.disk.options, at: desk.root)
    defer { disk.remove() }
    let images = try TinyTraining.images(desk)
    let daemon = try await desk.startDaemon()
    let training = 1
    let stop = desk.stopWorker(of: training, behind: 20)
    #expect(
      try await desk.submit(TinyTraining.job("disturbed", images, steps: TinyTraining.steps))
        == training)
    let worker = try await stop.value

    daemon.send(SIGSTOP)
    try desk.drop("dropped.json", TinyTraining.job("dropped", images, steps: 8))
    try begin(trouble, disk, daemon: daemon.processID, worker: worker)
    kill(worker, SIGCONT)
    daemon.send(SIGCONT)
    try await until("the worker of job \(training) has ended") {
      try hold(trouble, disk)
      return kill(worker, 0) != 0
    }
    try await until("the status says \(trouble.words)") {
      try hold(trouble, disk)
      return try await desk.run(["status"]).output.contains(trouble.words)
    }
    try end(trouble, disk, daemon: daemon.processID)

    #expect(try await desk.run(["watch", "disturbed"]).code == 0)
    try await until("the dropped job is done") { desk.isDone(training + 1) }
    #expect(try desk.names("spool/rejected") == [])
    #expect(try await desk.weights(training) == TinyTraining.undisturbed.value)
    try await until("the status has no problem to show") {
      try await !desk.run(["status"]).output.contains(trouble.words)
    }
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
  }

  /// Not even the daemon's own start needs room.
  @Test func aDaemonStartsOnAFullDisk() async throws {
    let desk = try Desk(in: "disk")
    let disk = try Disk("tmpfs", "size=32m", at: desk.root)
    defer { disk.remove() }
    let images = try TinyTraining.images(desk)
    let first = try await desk.startDaemon()
    first.send(SIGTERM)
    #expect(try await first.end() == 0)
    try desk.drop("job.json", TinyTraining.job("job", images, steps: 2))
    disk.fill()
    let second = try await desk.startDaemon()
    try await until("the status says why nothing runs") {
      try await desk.run(["status"]).output.contains("MB are needed to admit a job")
    }
    disk.empty()
    try await until("the job is done") { desk.isDone(1) }
    second.send(SIGTERM)
    #expect(try await second.end() == 0)
  }

  /// Before anything comes that could not be taken in, journal and service manager hear of it.
  @Test func aSpoolThatIsReadOnlyFromTheStartIsSaid() async throws {
    let desk = try Desk()
    let first = try await desk.startDaemon()
    first.send(SIGTERM)
    #expect(try await first.end() == 0)
    let spool = desk.root + "/spool"
    try #require(try Disk.run("mount", "--bind", spool, spool) == 0)
    defer { unsafe _ = umount2(spool, Int32(MNT_DETACH)) }
    try #require(try Disk.run("mount", "-o", "remount,bind,ro", spool) == 0)
    let socket = try NotifySocket(desk.folder.path + "/notify")
    let daemon = try Program(
      "ddpmd", ["--root", desk.root], environment: ["NOTIFY_SOCKET": socket.path],
      output: desk.folder.path + "/output")
    let problem = "the file system of \(spool) is read-only"
    var messages: [String] = []
    try await until("the manager hears of it") {
      messages += socket.received()
      return messages.contains("STATUS=\(problem)")
    }
    #expect(daemon.text.contains("error: \(problem); trying again"))
    #expect(try await desk.run(["status"]).output.contains(problem))
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
  }

  private func begin(_ trouble: Trouble, _ disk: Disk, daemon: Int32, worker: Int32) throws {
    switch trouble {
    case .fullDisk, .fullExt4, .noInodes: try hold(trouble, disk)
    case .readOnlyDisk: try disk.makeReadOnly()
    case .daemonWithoutDescriptors: try limitDescriptors(of: daemon, to: 3)
    case .workerWithoutDescriptors: try limitDescriptors(of: worker, to: 3)
    }
  }

  /// What one program gives back while the trouble lasts, others take.
  private func hold(_ trouble: Trouble, _ disk: Disk) throws {
    switch trouble {
    case .fullDisk, .fullExt4: disk.fill()
    case .noInodes: disk.fillInodes()
    case .readOnlyDisk, .daemonWithoutDescriptors, .workerWithoutDescriptors: break
    }
  }

  private func end(_ trouble: Trouble, _ disk: Disk, daemon: Int32) throws {
    switch trouble {
    case .fullDisk, .fullExt4, .noInodes: disk.empty()
    case .readOnlyDisk: try disk.makeWritable()
    case .daemonWithoutDescriptors: try limitDescriptors(of: daemon, to: 256)
    case .workerWithoutDescriptors: break
    }
  }

  private func limitDescriptors(of process: Int32, to count: Int) throws {
    try #require(try Disk.run("prlimit", "--pid", "\(process)", "--nofile=\(count):") == 0)
  }
}

/// A training that is over in seconds.
enum TinyTraining {
  static let steps = 800

  /// The weights in which nobody's interference lets it end.
  static let undisturbed = Task {
    let desk = try Desk()
    let daemon = try await desk.startDaemon()
    let id = try await desk.submit(job("undisturbed", try images(desk), steps: steps))
    try await until("job \(id) is done") { desk.isDone(id) }
    daemon.send(SIGTERM)
    _ = try await daemon.end()
    return try desk.weights(id)
  }

  /// 64 images of 8 × 8 pixels in an IDX file beside the spool: its path.
  static func images(_ desk: Desk) throws -> String {
    let path = desk.folder.path + "/images.idx"
    let header = [0x803, 64, 8, 8].flatMap { number in
      (0..<4).reversed().map { UInt8(number >> (8 * $0) & 0xff) }
    }
    let pixels = (0..<64 * 64).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 5) }
    try Data(header + pixels).write(to: URL(filePath: path))
    return path
  }

  static func job(_ name: String, _ images: String, steps: Int) -> String {
    """
    {"schema": "ddpm.job/1", "kind": "train", "name": "\(name)", "seed": 5,
     "dataset": {"type": "idx", "path": "\(images)", "horizontal_flip": true},
     "unet": {"sample_size": 8, "in_channels": 1, "out_channels": 1, "block_out_channels": [8],
              "layers_per_block": 1, "norm_num_groups": 4, "attention_head_dim": null,
              "down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"],
              "dropout": 0.1},
     "scheduler": {"num_train_timesteps": 20},
     "optimizer": {"learning_rate": 1e-3, "warmup_steps": 10},
     "training": {"batch_size": 4, "steps": \(steps), "checkpoint_every": 10, "threads": 1}}
    """
  }
}

extension Desk {
  /// The weights that a train job ended in.
  func weights(_ job: Int) throws -> Data {
    try Data(contentsOf: URL(filePath: results(job) + "/" + JobTests.model))
  }
}
