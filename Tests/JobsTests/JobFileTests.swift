import Jobs
import ModelConfig
import StrictJSON
import Testing

@Suite struct JobFileTests {
  private func problems(_ json: JSONValue) -> [JSONContentError.Problem] {
    do throws(JSONContentError) {
      _ = try JobSpec(json: json)
      return []
    } catch {
      return error.problems
    }
  }

  @Test(arguments: Examples.names)
  func examplesAreGoodJobs(_ name: String) throws {
    let spec = try JobSpec.parse(Examples.bytes(name))
    #expect(try JobSpec(json: spec.json) == spec)
    #expect(try JobSpec.parse(Array(spec.json.serialized(pretty: true).utf8)) == spec)
  }

  @Test func theTrainExampleSaysWhatItSays() throws {
    let spec = try JobSpec.parse(Examples.bytes("fashion-mnist-train.json"))
    guard case .train(let train) = spec.work else {
      Issue.record("not a train job")
      return
    }
    #expect(train.unet == Preset.fashionMNIST28.unet)
    #expect(train.dataset.format == .idx)
    #expect(train.optimizer.warmupSteps < train.training.steps)
    #expect(train.optimizer.betas == [0.9, 0.999])
    #expect(train.ema.enabled)
    #expect(train.training.threads == nil)
  }

  @Test(arguments: [["images": 500], ["fraction": 0.1, "bank": 7, "every": 100]] as [JSONValue])
  func heldOutImagesReadBack(_ value: JSONValue) throws {
    let json = try Examples.json("fashion-mnist-train.json").setting(["holdout"], to: value)
    let spec = try JobSpec(json: json)
    #expect(try JobSpec(json: spec.json) == spec)
    guard case .train(let train) = spec.work else { return }
    #expect(train.holdout?.size == (value["images"] == nil ? .fraction(0.1) : .images(500)))
    #expect(train.holdout?.every == value["every"]?.int)
    #expect(try JobSpec(json: json.setting(["holdout"], to: nil)).json["holdout"] == nil)
  }

  @Test func whenToScoreMustBeSaid() throws {
    let json = try Examples.json("fashion-mnist-train.json")
      .setting(["holdout"], to: ["images": 5]).setting(["training", "preview_every"], to: 0)
    #expect(
      problems(json).map(\.description) == [
        #"$.holdout: when to score is missing: add "every", or "preview_every" to $.training"#
      ])
  }

  @Test func theSampleExampleSaysWhatItSays() throws {
    let spec = try JobSpec.parse(Examples.bytes("fashion-mnist-sample.json"))
    guard case .sample(let sample) = spec.work else {
      Issue.record("not a sample job")
      return
    }
    #expect(sample.model == .jobNamed("fashion-mnist"))
    #expect(sample.sampler == .ddim(steps: 100, eta: 0))
    #expect(sample.output.formats == [.png, .npy, .grid])
    #expect(sample.initialNoise == nil)
  }

  @Test func aJobWithAModelToStartFromNeedsNoNetwork() throws {
    var json = try Examples.json("fashion-mnist-train.json")
    for section in ["unet", "scheduler"] { json = json.setting([section], to: nil) }
    #expect(problems(json).map(\.path.description) == ["$", "$"])
    json = json.setting(["init"], to: ["job": "fashion-mnist"])
    let spec = try JobSpec(json: json)
    guard case .train(let train) = spec.work else {
      Issue.record("not a train job")
      return
    }
    #expect(train.initial == .jobNamed("fashion-mnist"))
    #expect(train.unet == nil && train.scheduler == nil)
    #expect(try JobSpec(json: spec.json) == spec)
  }

  @Test(
    arguments: [
      (["model"], ["job": 3]), (["model"], ["path": "/models/ddpm"]),
      (["sampler"], ["type": "ddpm"]),
      (["sampler"], ["type": "ddim"]), (["sampler"], nil),
      (["sampler"], ["type": "ddpm", "steps": nil]), (["sampler"], ["type": "heun", "steps": 9]),
      (["sampler"], ["type": "ddpm", "steps": 100, "variance_type": "fixed_small"]),
      (["sampler"], ["type": "dpm_solver++", "solver_order": 1, "solver_type": "heun"]),
      (["sampler"], ["type": "dpm_solver++", "thresholding": true, "sample_max_value": 1.5]),
      (["sampler"], ["type": "ddim", "timestep_spacing": "trailing", "clip_sample": false]),
      (["output"], nil), (["seed"], nil),
      (["seed"], .integer(UInt64.max)), (["initial_noise"], "/x.npy"), (["threads"], 2),
      (["$schema"], "job.schema.json"),
    ] as [([String], JSONValue?)])
  func sampleJobsReadBack(_ path: [String], _ value: JSONValue?) throws {
    let json = try Examples.json("fashion-mnist-sample.json").setting(path, to: value)
    let spec = try JobSpec(json: json)
    #expect(try JobSpec(json: spec.json) == spec)
  }

  @Test(
    arguments: [
      (["model"], ["job": 3]), (["weights"], nil), (["weights"], .null), (["weights"], ["raw"]),
      (["weights"], ["raw", "ema"]), (["budget"], nil), (["budget"], ["minutes": 0.5]),
      (["timesteps"], nil), (["timesteps"], 2), (["batch_size"], 3), (["threads"], 2),
    ] as [([String], JSONValue?)])
  func evaluateJobsReadBack(_ path: [String], _ value: JSONValue?) throws {
    let json = try Examples.json("fashion-mnist-evaluate.json").setting(path, to: value)
    let spec = try JobSpec(json: json)
    #expect(try JobSpec(json: spec.json) == spec)
    #expect(spec.work.model == (path == ["model"] ? .job(3) : .jobNamed("fashion-mnist")))
  }

  @Test(
    arguments: [
      (
        ["weights"], ["ema", "ema"], "$.weights: the same weights are named twice"
      ),
      (
        ["weights"], ["best"],
        #"$.weights[0]: found "best", allowed is "ema" or "raw""#
      ),
      (
        ["dataset", "horizontal_flip"], true,
        #"$.dataset: found "horizontal_flip": true, allowed is false: images are evaluated as they are"#
      ),
      (["timesteps"], 1, "$.timesteps: found 1, allowed is an integer from 2 to 100000, or null"),
      (
        ["budget", "minutes"], 0,
        "$.budget.minutes: found 0, allowed is a number > 0 and ≤ 1000000, or null"
      ),
      (["dataset"], nil, #"$: the key "dataset" is missing: add an object with "type" and "path""#),
    ] as [([String], JSONValue?, String)])
  func wrongEvaluateJobsSayWhy(_ path: [String], _ value: JSONValue?, _ message: String) throws {
    let json = try Examples.json("fashion-mnist-evaluate.json").setting(path, to: value)
    #expect(problems(json).map(\.description) == [message])
  }

  @Test(
    arguments: [
      (
        ["training", "steps"], 0,
        "$.training.steps: found 0, allowed is an integer from 1 to 1000000000"
      ),
      (
        ["training", "steps"], nil,
        #"$.training: the key "steps" is missing: add an integer from 1 to 1000000000"#
      ),
      (
        ["training", "shards"], 65, "$.training.shards: found 65, allowed is at most batch_size, 64"
      ),
      (
        ["training", "batchsize"], 3,
        #"$.training: unknown key "batchsize"; did you mean "batch_size"?"#
      ),
      (
        ["ema", "horizontal_flip"], true,
        #"$.ema: unknown key "horizontal_flip"; allowed here is "enabled" or "decay"; it belongs to $.dataset"#
      ),
      (
        ["dataset", "path"], "data/train.gz",
        #"$.dataset.path: found "data/train.gz", allowed is an absolute path, beginning with "/" (~ is not expanded in job files; ddpmctl submit makes relative paths absolute)"#
      ),
      (["optimizer", "lr"], 1, #"$.optimizer: unknown key "lr"; did you mean "learning_rate"?"#),
      (
        ["optimizer", "type"], "sgd",
        #"$.optimizer.type: found "sgd", allowed is "adam" or "adamw""#
      ),
      (
        ["optimizer", "betas"], [0.9],
        #"$.optimizer.betas: found an array of 1 elements, allowed is an array of 2 elements, each a number ≥ 0 and < 1"#
      ),
      (
        ["scheduler"], nil,
        #"$: the key "scheduler" is missing: add an object, for example {"preset": "fashion-mnist-28"}, or add "init""#
      ),
      (
        ["kind"], "tran",
        #"$.kind: found "tran", allowed is "train", "sample" or "evaluate"; did you mean "train"?"#
      ),
      (["kind"], nil, #"$: the key "kind" is missing: add "train", "sample" or "evaluate""#),
      (
        ["schema"], "ddpm.job/2",
        #"$.schema: found "ddpm.job/2", which is not supported; allowed is "ddpm.job/1""#
      ),
      (
        ["count"], 3,
        #"$: unknown key "count"; allowed here is "schema", "$schema", "kind", "name", "seed", "queue", "dataset", "init", "unet", "scheduler", "loss", "optimizer", "ema", "training" or "holdout"; it belongs to kind "sample""#
      ),
      (["seed"], -1, "$.seed: found -1, allowed is an integer from 0 to 18446744073709551615"),
      (
        ["unet", "attention_head_dim"], 7,
        "$.unet.attention_head_dim: found 7, which does not divide the 64 channels of a block with attention"
      ),
      (
        ["holdout"], [:],
        "$.holdout: the number of images is missing: add \"images\" or \"fraction\""
      ),
      (
        ["holdout"], ["images": 5, "fraction": 0.5],
        #"$.holdout: found both "images" and "fraction", allowed is one of them"#
      ),
      (
        ["holdout"], ["fraction": 1], "$.holdout.fraction: found 1, allowed is a number > 0 and < 1"
      ),
      (["holdout"], .null, #"$.holdout: found null, allowed is an object"#),
    ] as [([String], JSONValue?, String)])
  func trainJobsAreRefusedInOneSentence(
    _ path: [String], _ value: JSONValue?, _ sentence: String
  ) throws {
    let json = try Examples.json("fashion-mnist-train.json").setting(path, to: value)
    #expect(problems(json).map(\.description) == [sentence])
  }

  @Test(
    arguments: [
      (["model"], [:], "$.model: the model is missing"),
      (["model", "path"], "/x", #"$.model: found both "job" and "path""#),
      (["model", "job"], "7", #"$.model.job: found "7", allowed is a job's number or name"#),
      (["model", "job"], 0, "$.model.job: found 0, allowed is a job's number or name"),
      (
        ["sampler"], [:],
        #"$.sampler: the key "type" is missing: add "ddpm", "ddim", "dpm_solver++" or "heun""#
      ),
      (["sampler", "eta"], 1.5, "$.sampler.eta: found 1.5, allowed is a number ≥ 0 and ≤ 1"),
      (
        ["sampler"], ["type": "ddim", "solver_order": 1],
        #"$.sampler: unknown key "solver_order"; allowed here is "type", "steps", "eta", "set_alpha_to_one", "timestep_spacing", "steps_offset", "clip_sample", "clip_sample_range", "thresholding", "dynamic_thresholding_ratio" or "sample_max_value"; it belongs to type "dpm_solver++""#
      ),
      (
        ["sampler"], ["type": "dpm_solver++", "clip_sample": true],
        #"$.sampler: unknown key "clip_sample""#
      ),
      (
        ["sampler"], ["type": "ddpm", "variance_type": "learned_range"],
        #"$.sampler.variance_type: found "learned_range", allowed is "fixed_small" or "fixed_large""#
      ),
      (
        ["sampler"], ["type": "dpm_solver++", "solver_order": 3],
        "$.sampler.solver_order: found 3, allowed is an integer from 1 to 2"
      ),
      (["output", "formats"], ["png", "png"], "$.output.formats: a format is given twice"),
      (["output", "formats"], ["jpg"], #"$.output.formats[0]: found "jpg""#),
      (["output", "formats"], [], "$.output.formats: found an array of 0 elements"),
      (["initial_noise"], "x.npy", #"$.initial_noise: found "x.npy", allowed is an absolute path"#),
      (["count"], nil, #"$: the key "count" is missing"#),
      (["output", "progressive"], 51, "$.output.progressive: found 51"),
      (["task"], [:], #"$.task: the key "type" is missing"#),
      (["task"], ["type": "paint"], #"$.task.type: found "paint""#),
      (
        ["task"], ["type": "interpolate", "from": "/a.png", "to": "/b.png"],
        #"$.task: the key "depths" is missing"#
      ),
      (
        ["task"], ["type": "inpaint", "image": "a.png", "mask": "/b.png"],
        #"$.task.image: found "a.png", allowed is an absolute path"#
      ),
      (
        ["task"], ["type": "inpaint", "image": "/a.png", "mask": "/b.png", "depths": [1]],
        #"$.task: unknown key "depths"; allowed here is "type", "image", "mask", "resampling" or "jump_length"; it belongs to type "interpolate""#
      ),
      (["neighbours"], ["count": 3], #"$.neighbours: the key "dataset" is missing"#),
      (["name"], "12", #"$.name: found "12", allowed is a name"#),
      (["name"], "../x", #"$.name: found "../x", allowed is a name"#),
    ] as [([String], JSONValue?, String)])
  func sampleJobsAreRefusedInOneSentence(
    _ path: [String], _ value: JSONValue?, _ beginning: String
  ) throws {
    let json = try Examples.json("fashion-mnist-sample.json").setting(path, to: value)
    let problems = problems(json)
    #expect(problems.count == 1)
    #expect(problems.first?.description.hasPrefix(beginning) == true, "\(problems)")
  }

  /// What an interpolation cannot go with.
  @Test(
    arguments: [
      (["count"], 1, "$.count: found 1, allowed are 2 to 100 images in a row of an interpolation"),
      (["count"], 101, "$.count: found 101"),
      (["initial_noise"], "/x.npy", "$.initial_noise: an interpolation begins with two images"),
      (["output"], ["progressive": 3], "$.output: an interpolation begins in the middle"),
      (["sampler"], ["type": "heun"], "$.sampler: steps of \"heun\" build on those before"),
    ] as [([String], JSONValue?, String)])
  func interpolationsAreRefusedInOneSentence(
    _ path: [String], _ value: JSONValue?, _ beginning: String
  ) throws {
    let problems = problems(
      try Examples.json("interpolation.json").setting(path, to: value))
    #expect(problems.count == 1)
    #expect(problems.first?.description.hasPrefix(beginning) == true, "\(problems)")
  }

  @Test(arguments: [
    ("a", true), ("a-b_c.d", true), ("1a", true), (String(repeating: "x", count: 64), true),
    (String(repeating: "x", count: 65), false), ("", false), ("12", false), (".a", false),
    ("-a", false), ("a/b", false), ("a b", false), ("é", false), ("a\n", false), ("a\0", false),
  ])
  func names(_ name: String, _ isValid: Bool) {
    #expect(JobSpec.isValidName(name) == isValid)
  }

  /// One member of an example at a time gets a wild value: the decoder and the schema agree on
  /// whether that is allowed, except for the rules between keys, which only the decoder knows.
  @Test(arguments: [
    "image-folder-train.json", "fine-tune.json", "fashion-mnist-classes-train.json",
    "fashion-mnist-sample.json", "fashion-mnist-classes-sample.json", "fashion-mnist-evaluate.json",
    "interpolation.json", "inpainting.json", "progressive-and-neighbours.json",
  ])
  func theSchemaAgreesWithTheDecoder(_ name: String) throws {
    let values: [JSONValue?] = [
      nil, .some(.null), true, false, 0, 1, -1, 7, 0.5, 1.0, 1.5, 100_000, 1e300, "", "x", "/x",
      "adam", "ddpm", "train", "sample", [], [1], [0.5, 0.5], ["png"], ["png", "grid"], [:],
      ["type": "ddpm"], ["path": "/x"], ["job": "x"], ["preset": "cifar10-32"],
      ["preset": "cifar"], ["x": 1],
    ]
    let rules: Set = [
      "$.unet.sample_size", "$.unet.out_channels", "$.unet.block_out_channels",
      "$.unet.down_block_types", "$.unet.up_block_types", "$.unet.attention_head_dim",
      "$.scheduler.beta_end", "$.scheduler.prediction_type", "$.scheduler.trained_betas",
      "$.training.shards", "$.output.formats", "$.model", "$.init",
      "$.count", "$.initial_noise", "$.output", "$.sampler", "$.weights", "$.dataset",
      "$.dataset.labels", "$.holdout",
      "$.dataset.class_names", "$.neighbours.dataset", "$.neighbours.dataset.labels",
      "$.neighbours.dataset.class_names", "$.training.label_dropout", "$.unet.num_class_embeds",
    ]
    let example = try Examples.json(name)
    let canonical = try JobSpec(json: example).json
    var agreements = (allowed: 0, refused: 0)
    for base in [example, canonical] {
      for path in base.memberPaths + [["strange"], ["unet", "strange"], ["output", "strange"]] {
        for value in values {
          let json = base.setting(path, to: value)
          let problems = problems(json)
          let conforms = conforms(json, to: JobSpec.schemaDocument)
          let isExplained =
            conforms == problems.isEmpty
            || conforms && problems.allSatisfy { rules.contains($0.path.description) }
          #expect(isExplained, "\(path) = \(String(describing: value)): \(problems)")
          if conforms { agreements.allowed += 1 } else { agreements.refused += 1 }
        }
      }
    }
    #expect(agreements.allowed > 10 && agreements.refused > 100)
  }
}
