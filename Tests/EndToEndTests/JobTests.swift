import Foundation
import Glibc
import Testing

/// The three programs together on real images: what a user does and sees, and what survives.
@Suite(.timeLimit(.minutes(10))) struct JobTests {
  static let images = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"
  static let model = "unet/diffusion_pytorch_model.safetensors"

  /// The main promise: killed five times at random moments, daemon and worker, and on another number
  /// of threads, a training run ends in the bits of one left alone.
  @Test func killedFiveTimesOrOnAnotherNumberOfThreadsTheBitsAreTheSame() async throws {
    let desk = try Desk()
    var daemon = try await desk.startDaemon()
    let alone = try await desk.submit(train(name: "alone", threads: 2))
    #expect(try await desk.run(["watch", "\(alone)"]).code == 0)
    let single = try await desk.submit(train(name: "single", threads: 1))
    #expect(try await desk.run(["watch", "\(single)"]).code == 0)

    let killed = single + 1
    var stop = desk.stopWorker(of: killed)
    #expect(try await desk.submit(train(name: "killed", threads: 2)) == killed)
    let watch = try desk.start(["watch", "\(killed)"])
    for interruption in 0..<5 {
      let worker = try await stop.value
      if interruption < 4 {
        stop = desk.stopWorker(
          of: killed, behind: desk.checkpoint(of: killed),
          after: .milliseconds(Int.random(in: 0..<300)))
      }
      kill(worker, SIGKILL)
      if interruption % 2 == 0 {
        daemon.send(SIGKILL)
        #expect(try await daemon.end() == -SIGKILL)
        daemon = try await desk.startDaemon()
      }
    }
    #expect(try await watch.end() == 0, "\(watch.text)")

    let bits = try Data(contentsOf: URL(filePath: desk.results(alone) + "/" + Self.model))
    #expect(bits.count > 10_000)
    for job in [single, killed] {
      let others = try Data(contentsOf: URL(filePath: desk.results(job) + "/" + Self.model))
      #expect(others == bits, "job \(job) ended in other bits")
    }
    #expect(try desk.metricSteps(killed) == Array(1...200))
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
  }

  /// A train job and a sample job of its model, from the prompt to the pictures; then the daemon is
  /// stopped in the middle of sampling and the job ends in the same images.
  @Test func imagesAreDrawnWithATrainedModel() async throws {
    let desk = try Desk()
    var daemon = try await desk.startDaemon()
    let trained = try await desk.run(["submit", "--wait", try desk.file(train(steps: 10))])
    #expect(trained.code == 0)
    #expect(trained.output == "1\n", "standard output is the number alone")
    let drawn = try await desk.run(["submit", "--wait", try desk.file(sample())])
    #expect(drawn.code == 0)

    let results = desk.results(2)
    for name in ["grid.png", "samples.npy", "manifest.json", "samples/0.png", "samples/5.png"] {
      #expect(FileManager.default.fileExists(atPath: results + "/" + name), "\(name)")
    }
    let path = try await desk.run(["results", "2"])
    #expect(path.output == results + "\n")
    try await expectManifestHolds(in: results)
    try await expectManifestHolds(in: desk.results(1))

    let again = try await desk.submit(sample(name: "again", batchSize: 1))
    try await until("images are drawn") { desk.step(of: again) > 0 || desk.isDone(again) }
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
    daemon = try await desk.startDaemon()
    #expect(try await desk.run(["watch", "\(again)"]).code == 0)
    let first = try Data(contentsOf: URL(filePath: results + "/samples.npy"))
    #expect(try Data(contentsOf: URL(filePath: desk.results(again) + "/samples.npy")) == first)
  }

  /// Whatever is dropped, the daemon gives a reason and goes on.
  @Test func malformedDropsAreRejectedAndTheDaemonUnharmed() async throws {
    let desk = try Desk()
    let daemon = try await desk.startDaemon()
    let drops: [(name: String, bytes: Data)] = [
      ("malformed.json", Data("{\"schema\" 1}".utf8)),
      ("half.json", Data(train().utf8.prefix(100))),
      ("empty.json", Data()),
      ("my first job.py", Data("print()".utf8)),
      ("huge.json", Data(repeating: UInt8(ascii: " "), count: 2 << 20)),
      ("binary.json", Data((0..<4096).map { _ in UInt8.random(in: 128...255) })),
      (
        "unknown-key.json",
        Data(train().replacingOccurrences(of: "batch_size", with: "batchsize").utf8)
      ),
    ]
    let longAgo = [FileAttributeKey.modificationDate: Date(timeIntervalSinceNow: -60)]
    for drop in drops {
      let hidden = desk.folder.path + "/spool/drop/.\(drop.name)"
      try drop.bytes.write(to: URL(filePath: hidden))
      // Unfinished files are waited for; these have been lying about for a minute.
      try FileManager.default.setAttributes(longAgo, ofItemAtPath: hidden)
      try FileManager.default.moveItem(
        atPath: hidden, toPath: desk.folder.path + "/spool/drop/\(drop.name)")
    }
    for drop in drops {
      try await until("\(drop.name) is rejected") {
        desk.folder.exists("spool/rejected/\(drop.name).reason")
      }
      let reason = try desk.folder.text("spool/rejected/\(drop.name).reason")
      #expect(reason.count > 20, "\(drop.name): \(reason)")
    }
    let reason = try desk.folder.text("spool/rejected/unknown-key.json.reason")
    #expect(reason.contains("$.training") && reason.contains("batch_size"), "\(reason)")
    let next = try await desk.run(["submit", "--wait", try desk.file(train(steps: 2))])
    #expect(next.code == 0)
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
  }

  /// A job's own outcome is what waiting for it returns.
  @Test func waitingReturnsTheOutcome() async throws {
    let desk = try Desk()
    let daemon = try await desk.startDaemon()
    let missing = train().replacingOccurrences(of: Self.images, with: "/nowhere/images.gz")
    let failed = try await desk.run(["submit", "--wait", try desk.file(missing)])
    #expect(failed.code == 1)
    #expect(failed.errors.contains("/nowhere/images.gz"), "\(failed.errors)")

    let long = try await desk.submit(train(name: "long", steps: 100_000))
    try await until("it runs") { desk.step(of: long) > 0 }
    let watch = try desk.start(["watch", "long"])
    let queued = try await desk.submit(train(name: "queued"))
    #expect(try await desk.run(["cancel", "queued"]).code == 0)
    #expect(try await desk.run(["cancel", "\(long)"]).code == 0)
    #expect(try await watch.end() == 2)
    try await until("both are cancelled") {
      desk.folder.exists("lib/queue/cancelled/\(long)")
        && desk.folder.exists("lib/queue/cancelled/\(queued)")
    }
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
  }

  /// The daemon is root here, its submitter is not: a job gets nothing that its submitter could not
  /// read, and nothing from outside of data_roots.
  @Test(.enabled("files of other users are made by root alone", { geteuid() == 0 }))
  func aJobReadsWhatItsSubmitterMayRead() async throws {
    let desk = try Desk()
    let data = desk.folder.path + "/data"
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: false)
    try desk.folder.write("data/images", "no images")
    try FileManager.default.createSymbolicLink(
      atPath: data + "/outside", withDestinationPath: Self.images)
    let daemon = try await desk.startDaemon(["--set", "data_roots=\(data)"])
    func reason(_ path: String) async throws -> String {
      let number = try await desk.submit(
        train(name: "job", steps: 1).replacing(Self.images, with: path), as: 65534)
      let watched = try await desk.run(["watch", "\(number)"])
      #expect(watched.code == 1)
      return watched.errors
    }
    #expect(unsafe chmod(desk.folder.path, 0o755) == 0)
    #expect(try await reason(data + "/images").contains("it does not begin as an IDX file"))
    #expect(
      try await reason(data + "/outside").contains("outside of the folders that jobs may read"))
    #expect(unsafe chmod(data + "/images", 0o600) == 0)
    let refused = try await reason(data + "/images")
    #expect(
      refused.contains("the job is run for nobody, who may not read \(data)/images; it is root's"))
    #expect(unsafe chmod(data, 0o700) == 0)
    #expect(try await reason(data + "/images").contains("may not search the folder \(data);"))
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
  }

  private func train(
    name: String = "shirts", threads: Int = 2, steps: Int = 200
  ) -> String {
    """
    {"schema": "ddpm.job/1", "kind": "train", "name": "\(name)", "seed": 5,
     "dataset": {"type": "idx", "path": "\(Self.images)", "limit": 500, "horizontal_flip": true},
     "unet": {"sample_size": 16, "in_channels": 1, "out_channels": 1,
              "block_out_channels": [16, 32], "layers_per_block": 1, "norm_num_groups": 4,
              "attention_head_dim": 8, "dropout": 0.1,
              "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
              "up_block_types": ["AttnUpBlock2D", "UpBlock2D"]},
     "scheduler": {"num_train_timesteps": 100},
     "optimizer": {"learning_rate": 1e-3, "warmup_steps": 10},
     "training": {"batch_size": 32, "steps": \(steps), "checkpoint_every": 9,
                  "threads": \(threads)}}
    """
  }

  private func sample(name: String = "drawn", batchSize: Int = 4) -> String {
    """
    {"schema": "ddpm.job/1", "kind": "sample", "name": "\(name)", "seed": 3,
     "model": {"job": "shirts"}, "count": 6, "batch_size": \(batchSize),
     "output": {"formats": ["png", "npy", "grid"]}}
    """
  }

  private func expectManifestHolds(in results: String) async throws {
    struct Manifest: Decodable {
      struct File: Decodable {
        let path: String
        let sha256: String
      }
      let files: [File]
    }
    let data = try Data(contentsOf: URL(filePath: results + "/manifest.json"))
    let manifest = try JSONDecoder().decode(Manifest.self, from: data)
    #expect(manifest.files.count >= 3)
    let list = manifest.files.map { "\($0.sha256)  \($0.path)\n" }.joined()
    let check = Process()
    check.executableURL = URL(filePath: "/usr/bin/sha256sum")
    check.arguments = ["--check", "--quiet", "--strict"]
    check.currentDirectoryURL = URL(filePath: results)
    let pipe = Pipe()
    check.standardInput = pipe
    try check.run()
    try pipe.fileHandleForWriting.write(contentsOf: Data(list.utf8))
    try pipe.fileHandleForWriting.close()
    check.waitUntilExit()
    #expect(check.terminationStatus == 0)
  }
}
