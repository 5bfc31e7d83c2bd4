import DurableIO
import Jobs
import ModelConfig
import ModelFiles
import Models
import Spool
import StrictJSON
import TensorFiles
import Testing

/// `ddpmctl model` on folders as they are and as they should not be.
@Suite(.timeLimit(.minutes(10))) struct ModelTests {
  private let bench: Bench
  private let folder: String
  private var weights: String { folder + "/unet/diffusion_pytorch_model.safetensors" }

  /// A model whose weights are all zero, with a manifest.
  init() throws {
    bench = try Bench()
    folder = bench.root + "/model"
    try write(value: 0)
    let files = try ["model_index.json", "unet/config.json"].map { name -> JSONValue in
      ["path": .string(name), "sha256": .string(try SHA256.of(file: "\(folder)/\(name)").hex)]
    }
    try AtomicFile.write(
      JSONValue.object(["files": .array(files)]).serialized(), to: folder + "/manifest.json")
  }

  private func write(value: Float, classes: [String]? = nil, to folder: String? = nil) throws {
    let folder = folder ?? self.folder
    var unet = Preset.fashionMNIST28.unet
    unet.numClassEmbeds = classes?.count
    if let classes {
      try Directory.create(folder)
      try ModelClasses(names: classes).write(to: folder)
    }
    try DiffusersFolder.write(
      to: folder, unet: unet, scheduler: Preset.fashionMNIST28.scheduler,
      tensors: UNet(unet).layout.parameters.map { parameter in
        unsafe SafetensorsTensor(name: parameter.name, shape: parameter.shape) { values in
          if parameter.name == "conv_in.bias" { unsafe values[0] = value }
        }
      })
  }

  @Test func showPrintsWhatTheModelIs() throws {
    let (output, errors, code) = try bench.run(["model", "show", folder, "--threads", "2"])
    #expect(code == 0 && errors == "")
    for words in [
      "28×28, 1 channel\n", "1,707,009 parameters in 318 tensors", "1 file, 6.86 MB, F32",
      "1000 steps, β linear from 0.0001 to 0.02; predicts epsilon, variance fixed_small",
      "0.636 GFLOP an image and step", "64 images at once on 2 threads",
    ] {
      #expect(output.contains(words), "\(words) in \(output)")
    }
    let blocks = output.split(separator: "\n").suffix(7).map {
      $0.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    }
    #expect(blocks.first == "DownBlock2D 28×28 32 channels 2 resnets")
    #expect(blocks[3] == "UNetMidBlock2D 7×7 64 channels 2 resnets attention, 8 heads of 8")
    #expect(blocks[5] == "AttnUpBlock2D 14×14 64 channels 3 resnets attention, 8 heads of 8")
    #expect(blocks.last == "UpBlock2D 28×28 32 channels 3 resnets")
  }

  /// A folder, and what a train job has made; a job that is not done may make another model.
  @Test func whatAModelCannotDoIsSaidBeforehand() throws {
    for state in [JobState.done, .failed, .queued] {
      try bench.admit("made-\(state)", kind: "train", state)
    }
    for id in [1, 3] {
      try write(value: 0, classes: ["cat", "dog"], to: bench.layout.jobDirectory(id).results)
    }
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    func warnings(_ command: String, _ model: JSONValue, _ keys: JSONObject) throws -> String {
      var job = try #require(Bench.job(named: "x").object)
      job["model"] = model
      for (key, value) in keys.members { job[key] = value }
      let (_, errors, code) = try bench.run([command, bench.file(.object(job))])
      #expect(code == 0)
      return errors
    }
    let path: JSONValue = ["path": .string(folder)]
    let long: JSONObject = ["sampler": ["type": "ddim", "steps": 2000]]
    for command in ["validate", "submit"] {
      #expect(try warnings(command, path, [:]) == "")
      #expect(
        try warnings(command, path, long).contains(
          "warning: $.sampler.steps: found 2000, allowed is 1 to 1000, the steps of the model's"))
      #expect(
        try warnings(command, path, ["guidance": ["scale": 2]]).contains("not class-conditional"))
    }
    let bird: JSONObject = ["classes": ["cat", "bird"]]
    for model: JSONValue in [["job": 1], ["job": "made-done"]] {
      #expect(
        try warnings("submit", model, bird)
          == "warning: $.classes[1]: the model has no class \"bird\"; it has \"cat\", \"dog\"; "
          + "the job fails unless its model changes before it runs\n")
      #expect(try warnings("submit", model, ["classes": ["dog"]]) == "")
    }
    #expect(try warnings("submit", ["job": 3], bird) == "")
  }

  /// What jobs that evaluate a model, or train from it, ask of it is said as the worker says it.
  @Test func whatDoesNotFitAModelIsSaidOfEveryKindOfJob() throws {
    let classes = bench.root + "/classes"
    try write(value: 0, classes: ["cat", "dog"], to: classes)
    func warnings(_ kind: String, _ model: String, _ keys: JSONObject) throws -> [Substring] {
      var job = try #require(Bench.job(named: "x", kind: kind).object)
      job[kind == "train" ? "init" : "model"] = ["path": .string(model)]
      for (key, value) in keys.members { job[key] = value == .null ? JSONValue?.none : value }
      let file = try bench.file(.object(job))
      let (_, errors, code) = try bench.run(["validate", file])
      #expect(code == 0, "\(errors)")
      return errors.split(separator: "\n").compactMap { line in
        line.hasPrefix("\(file): warning: ") ? line.dropFirst(file.count + 11) : nil
      }
    }
    let labels: JSONValue = ["type": "images", "path": "/", "labels": true]
    let fresh: JSONObject = ["unet": nil, "scheduler": nil]
    func tuned(_ keys: JSONObject) -> JSONObject { JSONObject(fresh.members + keys.members) }
    for (kind, model, keys, beginning) in [
      ("evaluate", folder, [:], nil),
      ("evaluate", folder, ["timesteps": 2000], "$.timesteps: found 2000, allowed is 2 to 1000"),
      ("evaluate", folder, ["weights": ["raw"]], "$.weights: the model has no folder raw/"),
      ("evaluate", classes, [:], "$.dataset.labels: the model is class-conditional"),
      ("evaluate", classes, ["dataset": labels], nil),
      ("train", folder, fresh, nil),
      ("train", folder, ["unet": ["preset": "cifar10-32"]], "$.unet.sample_size: found 32, and"),
      (
        "train", folder, tuned(["scheduler": ["prediction_type": "sample"]]),
        #"$.scheduler.prediction_type: found "sample", and the model of $.init has "epsilon""#
      ),
      (
        "train", folder,
        tuned(["loss": ["type": "vlb"], "scheduler": ["variance_type": "learned_range"]]),
        "$.scheduler: it does not fit the model of $.init: of its out_channels, found 1"
      ),
      ("train", folder, tuned(["loss": ["type": "hybrid"]]), "$.loss.type: found \"hybrid\""),
      ("train", folder, tuned(["dataset": labels]), "$.dataset.labels: the model of $.init has no"),
      ("train", classes, fresh, "$.dataset.labels: the model of $.init is class-conditional"),
      ("train", classes, tuned(["dataset": labels]), nil),
      (
        "train", classes,
        tuned([
          "dataset": labels, "training": ["batch_size": 1, "steps": 1, "label_dropout": 0.5],
        ]), "$.training.label_dropout: the model of $.init has no null class; leave it at 0"
      ),
      ("train", bench.root, fresh, "$.init: \(bench.root) cannot be used: it is not a diffusers"),
      ("sample", bench.root, [:], "$.model: \(bench.root) cannot be used: it is not a diffusers"),
    ] as [(String, String, JSONObject, String?)] {
      let said = try warnings(kind, model, keys)
      #expect(said.count == (beginning == nil ? 0 : 1), "\(kind) \(keys): \(said)")
      if let beginning { #expect(said.first?.hasPrefix(beginning) == true, "\(said)") }
    }
  }

  @Test func showPrintsJSON() throws {
    let (output, _, code) = try bench.run([
      "model", "show", folder, "--json", "--threads", "1", "--batch-size", "1",
    ])
    let json = try JSONValue(parsing: output)
    #expect(code == 0)
    #expect(json["parameters"] == 1_707_009 && json["tensors"] == 318)
    #expect(json["types"] == ["F32": 318])
    #expect(try UNetConfig(json: json["unet"] ?? .null) == Preset.fashionMNIST28.unet)
    #expect(try SchedulerConfig(json: json["scheduler"] ?? .null).numTrainTimesteps == 1000)
    #expect(json["blocks"]?.array?.count == 7)
    // A batch of one takes one pass; eight buffers, and a gradient for its shard.
    let buffer = 4 * 1_707_009
    let (sampling, training) = (json["sampling_bytes"]?.int ?? 0, json["training_bytes"]?.int ?? 0)
    #expect(sampling > buffer && sampling < 3 * buffer)
    #expect(training > 9 * buffer && training < 12 * buffer)
  }

  /// A folder, or a train job that is done.
  @Test func whichModelIsMeant() throws {
    try bench.admit("trained", kind: "train", .done)
    try bench.admit("waits", kind: "train", .queued)
    try bench.admit("drawn", kind: "sample", .done)
    // The job is said to be done, but nobody made its results.
    let results = bench.layout.jobDirectory(1).results
    #expect(
      try bench.run(["model", "show", "trained"]).errors.contains("\(results) cannot be used"))
    try Directory.rename(folder, to: results)
    for name in ["trained", "1", results] {
      let (output, _, code) = try bench.run(["model", "show", name])
      #expect(code == 0 && output.hasPrefix(results + "\n"))
    }
    for (name, words) in [
      ("waits", "there is no model: "), ("drawn", "makes no model"), ("9", "there is no job 9"),
      ("./x", "there is no such folder"),
    ] {
      let (output, errors, code) = try bench.run(["model", "show", name])
      #expect(code == 1 && output == "" && errors.contains(words), "\(errors)")
    }
  }

  @Test func verifyFindsNothingWrongWithAGoodModel() throws {
    let (output, errors, code) = try bench.run(["model", "verify", folder])
    #expect(code == 0 && errors == "")
    #expect(
      output == """
        \(folder): 318 tensors of the right shapes, all finite
        \(folder): 2 files as manifest.json lists them

        """)
    try Directory.remove(folder + "/manifest.json")
    #expect(
      try bench.run(["model", "verify", folder]).output.contains("so no sums were checked"))
  }

  @Test func verifySaysEveryProblemOnALine() throws {
    try write(value: .nan)
    try AtomicFile.write("{\"_class_name\": \"DDPMPipeline\"}", to: folder + "/model_index.json")
    // A model inside the model.
    try Directory.create(folder + "/raw")
    try AtomicFile.write("{}", to: folder + "/raw/model_index.json")
    let (output, errors, code) = try bench.run(["model", "verify", folder])
    #expect(code == 65 && output == "")
    let lines = errors.split(separator: "\n")
    #expect(lines.count == 3, "\(errors)")
    #expect(lines.contains { $0.contains("\"conv_in.bias\" has 1 of 32 values infinite or NaN") })
    #expect(lines.contains { $0.contains("\(folder)/raw cannot be used") })
    #expect(lines.contains { $0.contains("\(folder)/model_index.json: its SHA-256 is") })
    try Directory.removeTree(folder + "/unet")
    #expect(
      try bench.run(["model", "verify", folder]).errors.contains("unet/config.json is missing"))
  }
}
