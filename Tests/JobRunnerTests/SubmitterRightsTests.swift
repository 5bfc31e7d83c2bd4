import DurableIO
import Glibc
import Images
import Jobs
import ModelConfig
import StrictJSON
import TensorFiles
import Testing

/// Jobs of users who may not read all that the worker may. The worker is root here, and could read
/// everything.
@Suite(.enabled("files of other users are made by root alone", { geteuid() == 0 }))
struct SubmitterRightsTests {
  private static let anna: UInt32 = 70001
  private static let bert: UInt32 = 70002

  /// Every key of a job file that names a file or folder, with a job that has it.
  private let keys: [(key: String, work: (Jobs, String) -> JobSpec.Work)] = [
    ("train.dataset.path", { jobs, path in jobs.train { $0.dataset.path = path } }),
    ("train.dataset.labels", { jobs, path in jobs.train { $0.dataset.labels = .file(path) } }),
    ("train.init.path", { jobs, path in jobs.train { $0.initial = .path(path) } }),
    ("sample.model.path", { jobs, path in jobs.sample(.path(path)) }),
    ("sample.initial_noise", { jobs, path in jobs.sample(.job(1)) { $0.initialNoise = path } }),
    (
      "sample.task.from",
      { jobs, path in
        jobs.sample(.job(1)) {
          $0.task = .interpolate(InterpolationSpec(from: path, to: jobs.image, depths: [5]))
        }
      }
    ),
    (
      "sample.task.to",
      { jobs, path in
        jobs.sample(.job(1)) {
          $0.task = .interpolate(InterpolationSpec(from: jobs.image, to: path, depths: [5]))
        }
      }
    ),
    (
      "sample.task.image",
      { jobs, path in
        jobs.sample(.job(1)) {
          $0.task = .inpaint(InpaintingSpec(image: path, mask: jobs.image))
        }
      }
    ),
    (
      "sample.task.mask",
      { jobs, path in
        jobs.sample(.job(1)) {
          $0.task = .inpaint(InpaintingSpec(image: jobs.image, mask: path))
        }
      }
    ),
    (
      "sample.neighbours.dataset.path",
      { jobs, path in
        jobs.sample(.job(1)) {
          $0.neighbours = NeighboursSpec(dataset: DatasetSpec(format: .npy, path: path))
        }
      }
    ),
    (
      "sample.neighbours.dataset.labels",
      { jobs, path in
        jobs.sample(.job(1)) {
          var dataset = DatasetSpec(format: .npy, path: jobs.dataset)
          dataset.labels = .file(path)
          $0.neighbours = NeighboursSpec(dataset: dataset)
        }
      }
    ),
    ("evaluate.model.path", { jobs, path in jobs.evaluate(.path(path)) }),
    (
      "evaluate.dataset.path",
      { jobs, path in jobs.evaluate(.job(1)) { $0.dataset.path = path } }
    ),
    (
      "evaluate.dataset.labels",
      { jobs, path in jobs.evaluate(.job(1)) { $0.dataset.labels = .file(path) } }
    ),
  ]

  /// Jobs of which number 1 is Anna's and has trained a model.
  private func jobsWithModel() throws -> Jobs {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train { $0.training.steps = 1 }, submitter: Self.anna)
    #expect(try jobs.run(1).code == WorkerExit.finished)
    try AtomicFile.write(
      encodePNG(
        Image(height: 8, width: 8, channels: 1, pixels: [UInt8](repeating: 200, count: 64))),
      to: jobs.image)
    return jobs
  }

  private func reason(
    _ jobs: Jobs, _ id: Int, _ work: JobSpec.Work, by user: UInt32 = anna, editor: UInt32? = nil,
    roots: [String]? = nil
  ) throws -> String {
    try jobs.add(id, work, submitter: user, editor: editor)
    let run = try jobs.run(id, dataRoots: roots)
    #expect((run.code == WorkerExit.failed) == (run.reason != nil))
    return run.reason ?? ""
  }

  /// A key that is new and forgotten here is one that nobody has thought about.
  @Test func theKeysBelowAreAllThatNamePaths() {
    func paths(_ schema: JSONValue) -> [String] {
      if schema["pattern"] == "^/" { return [""] }
      var found: [String] = []
      for (key, value) in schema["properties"]?.object?.members ?? [] {
        found += paths(value).map { ".\(key)\($0)" }
      }
      for word in ["anyOf", "oneOf", "allOf"] {
        found += (schema[word]?.array ?? []).flatMap(paths)
      }
      return found
    }
    let kinds = JobSpec.schemaDocument["oneOf"]?.array ?? []
    let found = kinds.flatMap { kind in
      paths(kind).map { "\(kind["properties"]?["kind"]?["enum"]?.array?.first?.string ?? "")\($0)" }
    }
    #expect(Set(found) == Set(keys.map(\.key)))
  }

  /// Nor does the name of a file write a line of its own into the log, or steer who reads it.
  @Test func whatAPathHoldsIsOneLineOfTheLog() throws {
    let jobs = try jobsWithModel()
    let path = "/srv/\u{1B}[31mX\nNov 25 sshd[1]: Accepted root"
    for (number, key) in keys.enumerated() {
      try jobs.add(number + 2, key.work(jobs, path), submitter: 0)
      let run = try jobs.run(number + 2)
      #expect(run.code == WorkerExit.failed)
      #expect(run.log.allSatisfy { $0.printable == $0 }, "\(key.key)")
    }
  }

  @Test func nothingThatAJobNamesIsReadWithMoreThanItsSubmittersRights() throws {
    let jobs = try jobsWithModel()
    let secret = jobs.path + "/secret"
    try Directory.create(secret, mode: 0o700)
    try AtomicFile.write("a secret", to: secret + "/file")
    #expect(unsafe chown(secret, 70003, 70003) == 0)
    for (number, key) in keys.enumerated() {
      let reason = try reason(jobs, number + 2, key.work(jobs, secret + "/file"))
      #expect(
        reason.contains(
          "the job is run for user 70001, who may not search the folder \(secret); its owner can"
            + " allow it: setfacl -m u:70001:x \(secret)"), "\(key.key): \(reason)")
      let outside = try self.reason(
        jobs, number + 102, key.work(jobs, secret + "/file"), by: 0,
        roots: [jobs.dataset, jobs.image])
      #expect(
        outside.contains("is outside of the folders that jobs may read from"),
        "\(key.key): \(outside)")
    }
  }

  /// Every file of a folder counts by itself, and what lies beside a file that is named.
  @Test func eachFileOfADataSetIsChecked() throws {
    let jobs = try jobsWithModel()
    let folder = jobs.path + "/data"
    let png = try readFile(jobs.image)
    var id = 2
    func expectRefusal(
      _ format: DatasetSpec.Format, _ path: String, of file: String, labelled: Bool = false
    ) throws {
      try Directory.setPermissions(0o600, of: file)
      let reason = try reason(
        jobs, id,
        jobs.train {
          $0.dataset = DatasetSpec(format: format, path: path)
          $0.dataset.labels = labelled ? .usual : .absent
        })
      id += 1
      #expect(reason.contains("user 70001, who may not read \(file);"), "\(reason)")
      try Directory.setPermissions(0o644, of: file)
    }
    try Directory.create(folder + "/images/class")
    for name in ["images/a.png", "images/class/b.png"] {
      try AtomicFile.write(png, to: "\(folder)/\(name)")
      try expectRefusal(.images, folder + "/images", of: "\(folder)/\(name)")
    }
    try AtomicFile.write(png, to: folder + "/c.png")
    try #require(unsafe symlink("../../c.png", folder + "/images/class/c.png") == 0)
    try expectRefusal(.images, folder + "/images", of: folder + "/c.png")

    let idx = folder + "/train-images-idx3-ubyte"
    try AtomicFile.write([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9], to: idx)
    try expectRefusal(.idx, idx, of: idx)
    let labels = folder + "/train-labels-idx1-ubyte"
    try AtomicFile.write([0, 0, 8, 1, 0, 0, 0, 1, 0], to: labels)
    try expectRefusal(.idx, idx, of: labels, labelled: true)

    try Directory.create(folder + "/cifar")
    for name in ["cifar/data_batch_1.bin", "cifar/batches.meta.txt"] {
      let size = name.hasSuffix("txt") ? 1 : 3073
      try AtomicFile.write([UInt8](repeating: 0, count: size), to: "\(folder)/\(name)")
      try expectRefusal(
        .cifar10, folder + "/cifar", of: "\(folder)/\(name)", labelled: name.hasSuffix("txt"))
    }
  }

  @Test func eachFileOfAModelIsChecked() throws {
    let jobs = try jobsWithModel()
    let model = jobs.directory(1).results
    let files = [
      "model_index.json", "unet/config.json", "scheduler/scheduler_config.json",
      "unet/diffusion_pytorch_model.safetensors",
    ]
    for (number, file) in files.enumerated() {
      try Directory.setPermissions(0o600, of: "\(model)/\(file)")
      let reason = try reason(jobs, number + 2, jobs.sample(.path(model)))
      #expect(reason.contains("user 70001, who may not read \(model)/\(file);"), "\(reason)")
      try Directory.setPermissions(0o644, of: "\(model)/\(file)")
    }
    #expect(
      try reason(jobs, 10, jobs.sample(.path(model))) == "", "and with all of them it is read")
  }

  /// The results of jobs are read as they could be without ddpmd, but everybody has his own.
  @Test func theResultsOfOthersAreReadAsFarAsTheirModesSay() throws {
    let jobs = try jobsWithModel()
    #expect(try reason(jobs, 2, jobs.sample(.job(1)), by: Self.bert, roots: ["/nowhere"]) == "")
    try Directory.setPermissions(0o750, of: jobs.directory(1).path)
    #expect(try reason(jobs, 3, jobs.sample(.job(1)), by: Self.anna) == "")
    #expect(try reason(jobs, 4, jobs.sample(.job(1)), by: 0) == "")
    let refused = try reason(jobs, 5, jobs.sample(.job(1)), by: Self.bert)
    #expect(refused.hasPrefix("$.model.job: cannot open \(jobs.directory(1).results): the job is"))
    #expect(refused.contains("user 70002, who may not search the folder \(jobs.directory(1).path)"))
    // Beside one of his own he does not even hear of it.
    let named = try reason(jobs, 6, jobs.evaluate(.jobNamed("model")), by: Self.bert)
    #expect(named.hasSuffix("no other job has that name"))
    try jobs.add(7, jobs.train { $0.training.steps = 1 }, name: "model", submitter: Self.bert)
    #expect(try jobs.run(7).code == WorkerExit.finished)
    try jobs.add(8, jobs.train { $0.training.steps = 1 }, name: "model", submitter: Self.anna)
    #expect(try jobs.run(8).code == WorkerExit.finished)
    try Directory.setPermissions(0o750, of: jobs.directory(8).path)
    #expect(try reason(jobs, 9, jobs.sample(.jobNamed("model")), by: Self.bert) == "")
    let inputs = try jobs.json(jobs.directory(9).results + "/manifest.json")["inputs"]
    #expect(inputs?["model"]?.string == jobs.directory(7).results)
  }

  /// Rights that are withdrawn while a job is interrupted are gone.
  @Test func rightsAreCheckedAnewByEachRun() throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, jobs.train(), submitter: Self.anna)
    #expect(try jobs.run(2, stopAfter: 4).code == WorkerExit.stopped)
    try Directory.setPermissions(0o600, of: jobs.dataset)
    let run = try jobs.run(2)
    #expect(run.reason?.contains("user 70001, who may not read \(jobs.dataset);") == true)
  }

  /// Whoever edits somebody's job reads neither with that user's rights nor with his own alone.
  @Test func anEditedJobIsReadWithTheRightsOfBoth() throws {
    let jobs = try jobsWithModel()
    for (number, owner) in [Self.anna, Self.bert].enumerated() {
      try #require(unsafe chown(jobs.dataset, owner, owner) == 0)
      try Directory.setPermissions(0o600, of: jobs.dataset)
      let other = owner == Self.anna ? Self.bert : Self.anna
      let reason = try reason(
        jobs, number + 2, jobs.train(), by: Self.anna, editor: Self.bert)
      #expect(reason.contains("user \(other), who may not read \(jobs.dataset);"), "\(reason)")
    }
  }

  /// All that is written for a job is in its folder, whatever its classes and files are called.
  @Test func nothingIsWrittenOutsideOfTheJobsFolder() throws {
    let jobs = try Jobs()
    let names = ["..", "../../x", "/tmp/y", "a\nb", "c d"]
    let folder = jobs.path + "/images"
    let grey = Image(height: 8, width: 8, channels: 1, pixels: [UInt8](repeating: 9, count: 64))
    for (number, name) in ["...", "x;y", "a\nb", "c d", "-e"].enumerated() {
      try Directory.create("\(folder)/\(name)")
      try AtomicFile.write(encodePNG(grey), to: "\(folder)/\(name)/\(number)..png")
    }
    func tree() throws -> [String] { try Self.tree(jobs.path).filter { !$0.hasPrefix("jobs/") } }
    try AtomicFile.write("", to: jobs.path + "/messages")
    let before = try tree()
    try jobs.add(
      1,
      jobs.train(previews: true) {
        $0.dataset = DatasetSpec(format: .images, path: folder)
        $0.dataset.labels = .usual
        $0.training.labelDropout = 0.1
        $0.training.steps = 6
      }, name: "a..b", submitter: Self.anna)
    #expect(try jobs.run(1).code == WorkerExit.finished)
    try unsafe writeNpy(to: jobs.path + "/labels.npy", shape: [20]) {
      (index, label: UnsafeMutableBufferPointer<Int64>) in unsafe label[0] = Int64(index % 5)
    }
    try jobs.add(
      2,
      jobs.train {
        $0.dataset.labels = .file(jobs.path + "/labels.npy")
        $0.dataset.classNames = names
        $0.training.steps = 1
      }, submitter: Self.anna)
    #expect(try jobs.run(2).code == WorkerExit.finished)
    try jobs.add(3, jobs.sample(.job(2)), submitter: Self.anna)
    #expect(try jobs.run(3).code == WorkerExit.finished)
    #expect(Set(try tree()).subtracting(before) == ["jobs", "labels.npy"])
    #expect(try Directory.names(in: jobs.path + "/jobs") == ["1", "2", "3"])
    for id in 1...3 {
      for name in try Self.tree(jobs.directory(id).path) {
        let status = try FileStatus(ofLink: "\(jobs.directory(id).path)/\(name)")
        #expect(status.kind == .regular || status.kind == .directory, "\(name)")
      }
    }
  }

  private static func tree(_ path: String) throws -> [String] {
    try Directory.names(in: path).flatMap { name -> [String] in
      guard try FileStatus(ofLink: "\(path)/\(name)").kind == .directory else { return [name] }
      return [name] + (try tree("\(path)/\(name)").map { "\(name)/\($0)" })
    }
  }
}

extension Jobs {
  /// A picture beside the data set.
  fileprivate var image: String { path + "/image.png" }
}
