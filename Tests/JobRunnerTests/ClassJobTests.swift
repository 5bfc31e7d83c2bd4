import DurableIO
import Images
import JobRunner
import Jobs
import ModelConfig
import ModelFiles
import StrictJSON
import TensorFiles
import Testing

/// Class-conditional models from labels to a labelled grid.
struct ClassJobTests {
  private static let names = ["left", "right"]

  /// Jobs with a data set of pictures that are bright on the left or on the right, in turn.
  private func labelledJobs(count: Int = 16) throws -> Jobs {
    let jobs = try Jobs()
    try unsafe writeNpy(to: jobs.dataset, shape: [count, 8, 8, 1]) {
      (index, pixels: UnsafeMutableBufferPointer<UInt8>) in
      for i in 0..<64 { unsafe pixels[i] = (i % 8 < 4) == (index % 2 == 0) ? 230 : 20 }
    }
    try unsafe writeNpy(to: jobs.labels, shape: [count]) {
      (index, label: UnsafeMutableBufferPointer<Int64>) in
      unsafe label[0] = Int64(index % 2)
    }
    return jobs
  }

  /// A job that learns them.
  private func train(
    _ jobs: Jobs, steps: Int = 3, dropout: Double = 0.2, previews: Bool = false,
    _ change: (inout TrainSpec) -> Void = { _ in }
  ) -> JobSpec.Work {
    jobs.train(previews: previews) { spec in
      spec.dataset.labels = .file(jobs.labels)
      spec.dataset.classNames = Self.names
      spec.dataset.horizontalFlip = false
      spec.training.steps = steps
      spec.training.labelDropout = dropout
      change(&spec)
    }
  }

  private func problem(_ jobs: Jobs, _ id: Int, _ work: JobSpec.Work) throws -> String {
    try jobs.add(id, work)
    let run = try jobs.run(id)
    #expect(run.code == WorkerExit.failed)
    return run.reason ?? ""
  }

  /// How much brighter the right is than the left, in each sample of a job.
  private func slopes(_ jobs: Jobs, _ id: Int, count: Int) throws -> [Int] {
    try (0..<count).map { index in
      let pixels = try loadImage(path: jobs.directory(id).results + "/samples/\(index).png").pixels
      return pixels.enumerated().reduce(0) {
        $0 + ($1.offset % 8 < 4 ? -1 : 1) * Int($1.element)
      } / 32
    }
  }

  /// Jobs of which number 1 has learned the two classes.
  private func learnedJobs() throws -> Jobs {
    let jobs = try labelledJobs()
    try jobs.add(
      1,
      train(jobs, steps: 200, dropout: 0.1) { spec in
        spec.unet?.dropout = 0
        spec.scheduler?.betaStart = 0.02
        spec.scheduler?.betaEnd = 0.5
        spec.optimizer.learningRate = 5e-3
        spec.ema.decay = 0.95
        spec.training.checkpointEvery = 200
        spec.training.batchSize = 8
      })
    #expect(try jobs.run(1, threads: 2).code == WorkerExit.finished)
    return jobs
  }

  /// Two classes that nobody can mistake, learned, asked for and seen; without the class (scale 0)
  /// the same noise gives the same picture whatever is asked for.
  @Test func theClassAskedForIsDrawn() throws {
    let jobs = try learnedJobs()
    for (id, scale) in [(2, 1.0), (3, 3.0)] {
      try jobs.add(
        id,
        jobs.sample(.job(1)) { spec in
          spec.classes = .these([.name("right"), .number(0)])
          spec.guidance.scale = scale
          spec.count = 8
        })
      #expect(try jobs.run(id).code == WorkerExit.finished)
      let slopes = try slopes(jobs, id, count: 8)
      for (image, slope) in slopes.enumerated() {
        #expect(image % 2 == 0 ? slope > 100 : slope < -100, "scale \(scale): \(slopes)")
      }
    }
    for (id, name) in [(4, "left"), (5, "right")] {
      try jobs.add(
        id,
        jobs.sample(.job(1)) { spec in
          spec.classes = .these([.name(name)])
          spec.guidance.scale = 0
        })
      #expect(try jobs.run(id).code == WorkerExit.finished)
    }
    #expect(try jobs.sum(4, "samples.npy") == jobs.sum(5, "samples.npy"))
    let manifest = try jobs.json(jobs.directory(3).results + "/manifest.json")
    #expect(manifest["inputs"]?["classes"] == ["left", "right"])
    #expect(manifest["inputs"]?["image_classes"] == [1, 0, 1, 0, 1, 0, 1, 0])
  }

  /// Images are likelier under their own class than under another, and cannot be scored under none.
  @Test func imagesAreEvaluatedUnderTheirClass() throws {
    let jobs = try learnedJobs()
    let swapped = jobs.path + "/swapped.npy"
    try unsafe writeNpy(to: swapped, shape: [16]) {
      (index, label: UnsafeMutableBufferPointer<UInt8>) in unsafe label[0] = UInt8(1 - index % 2)
    }
    let bits = try [(2, jobs.labels), (3, swapped)].map { id, labels in
      try jobs.add(id, jobs.evaluate(.job(1)) { $0.dataset.labels = .file(labels) })
      #expect(try jobs.run(id).code == WorkerExit.finished)
      let json = try jobs.json(jobs.directory(id).results + "/evaluation.json")
      return try #require(json["results"]?.array?.first?["nll"]?["bits_per_dim"]?.double)
    }
    #expect(bits[0] < bits[1] - 0.1, "\(bits)")
    #expect(
      try problem(jobs, 4, jobs.evaluate(.job(1))).contains("scores images given their classes"))
  }

  /// The same labels with the classes in another order, under the names that the model knows.
  @Test func classesOfEvaluatedImagesAreMatchedByName() throws {
    let jobs = try learnedJobs()
    let swapped = jobs.path + "/swapped.npy"
    try unsafe writeNpy(to: swapped, shape: [16]) {
      (index, label: UnsafeMutableBufferPointer<UInt8>) in unsafe label[0] = UInt8(1 - index % 2)
    }
    let results = try [(2, jobs.labels, Self.names), (3, swapped, Self.names.reversed())].map {
      (id, labels, names) in
      try jobs.add(
        id,
        jobs.evaluate(.job(1)) {
          $0.dataset.labels = .file(labels)
          $0.dataset.classNames = names
        })
      #expect(try jobs.run(id).code == WorkerExit.finished)
      return try jobs.json(jobs.directory(id).results + "/evaluation.json")["results"]
    }
    #expect(results[0] == results[1])
    let unknown = jobs.evaluate(.job(1)) {
      $0.dataset.labels = .file(jobs.labels)
      $0.dataset.classNames = [Self.names[0], "grey"]
    }
    #expect(try problem(jobs, 4, unknown).contains("has a class \"grey\", and the model knows"))
  }

  /// Embeddings that were trained for some classes are not taken for others.
  @Test func theClassesOfAModelThatTrainingStartsFromStayThose() throws {
    let jobs = try labelledJobs()
    try jobs.add(1, train(jobs))
    #expect(try jobs.run(1).code == WorkerExit.finished)
    func further(_ change: @escaping (inout TrainSpec) -> Void) -> JobSpec.Work {
      train(jobs) { spec in
        (spec.initial, spec.unet, spec.scheduler) = (.job(1), nil, nil)
        change(&spec)
      }
    }
    try jobs.add(2, further { $0.dataset.classNames = nil })
    #expect(try jobs.run(2).code == WorkerExit.finished)
    #expect(
      try DiffusersFolder(path: jobs.directory(2).results).classes()
        == ModelClasses(names: Self.names, nullClass: 2))
    #expect(
      try problem(jobs, 3, further { $0.dataset.classNames = ["left", "up"] }).contains(
        #"has a class "up", and the model of $.init has "left", "right"; give the data set's"#))
    #expect(
      try problem(jobs, 4, further { $0.training.labelDropout = 0 }).contains(
        "$.training.label_dropout: the model of $.init has a null class; set it above 0"))
  }

  /// The same labels with the classes in another order end in the same model.
  @Test func theClassesThatTrainingGoesOnWithAreMatchedByName() throws {
    let jobs = try labelledJobs()
    try jobs.add(1, train(jobs))
    #expect(try jobs.run(1).code == WorkerExit.finished)
    let swapped = jobs.path + "/swapped.npy"
    try unsafe writeNpy(to: swapped, shape: [16]) {
      (index, label: UnsafeMutableBufferPointer<UInt8>) in unsafe label[0] = UInt8(1 - index % 2)
    }
    let orders = [(2, jobs.labels, Self.names), (3, swapped, Self.names.reversed())]
    for (id, labels, names) in orders {
      try jobs.add(
        id,
        train(jobs) { spec in
          (spec.initial, spec.unet, spec.scheduler) = (.job(1), nil, nil)
          (spec.dataset.labels, spec.dataset.classNames) = (.file(labels), names)
        })
      #expect(try jobs.run(id).code == WorkerExit.finished)
    }
    let weights = "unet/diffusion_pytorch_model.safetensors"
    #expect(try jobs.sum(2, weights) == jobs.sum(3, weights))
    #expect(try jobs.sum(2, weights) != jobs.sum(1, weights))
    #expect(
      try DiffusersFolder(path: jobs.directory(3).results).classes()
        == ModelClasses(names: Self.names, nullClass: 2))
  }

  @Test func theModelSaysItsClasses() throws {
    let jobs = try labelledJobs()
    for (id, dropout, embeddings) in [(1, 0.2, 3), (2, 0.0, 2)] {
      try jobs.add(id, train(jobs, steps: 12, dropout: dropout, previews: true))
      #expect(try jobs.run(id).code == WorkerExit.finished)
      for folder in [jobs.directory(id).results, jobs.directory(id).results + "/raw"] {
        let model = try DiffusersFolder(path: folder)
        #expect(model.unet.numClassEmbeds == embeddings)
        #expect(
          try model.classes() == ModelClasses(names: Self.names, nullClass: dropout > 0 ? 2 : nil))
      }
      // Captions need room.
      let preview = try loadImage(
        path: jobs.directory(id).results + "/previews/step-00000012.png")
      #expect(preview.channels == 3 && preview.height > preview.width * 4)
    }
  }

  @Test func batchesThreadsAndInterruptionsDoNotChangeImages() throws {
    let jobs = try labelledJobs()
    try jobs.add(1, train(jobs))
    #expect(try jobs.run(1).code == WorkerExit.finished)
    try jobs.add(2, train(jobs))
    #expect(try jobs.runInPieces(2, polls: [1, 2]) > 1)
    let weights = "unet/diffusion_pytorch_model.safetensors"
    #expect(try jobs.sum(1, weights) == jobs.sum(2, weights))
    for (id, batchSize) in [(3, 64), (4, 2), (5, 1)] {
      try jobs.add(
        id,
        jobs.sample(.job(1)) { spec in
          spec.guidance.scale = 2.5
          spec.guidance.rescale = 0.7
          spec.batchSize = batchSize
        })
      _ = id == 3 ? try jobs.run(3).code == 0 : try jobs.runInPieces(id, polls: [3, 9, 5]) > 1
      for file in ["samples.npy", "grid.png"] {
        #expect(try jobs.sum(id, file) == jobs.sum(3, file))
      }
    }
  }

  @Test func classesThatTheModelLacksAreNamed() throws {
    let jobs = try labelledJobs()
    try jobs.add(1, train(jobs, dropout: 0))
    try jobs.run(1)
    func ask(_ id: Int, _ change: (inout SampleSpec) -> Void) throws -> String {
      try problem(jobs, id, jobs.sample(.job(1), change))
    }
    #expect(
      try ask(2) { $0.classes = .these([.number(1), .name("Right")]) }
        == "$.classes[1]: the model has no class \"Right\"; did you mean \"right\"?")
    #expect(
      try ask(3) { $0.classes = .these([.name("red")]) }.contains("it has \"left\", \"right\""))
    #expect(try ask(4) { $0.classes = .these([.number(2)]) }.contains("found 2, allowed is 0 to 1"))
    #expect(try ask(5) { $0.guidance.scale = 2 }.contains("knows no null class"))

    // A model of diffusers' has no classes.json.
    try Directory.remove(jobs.directory(1).results + "/classes.json")
    try jobs.add(6, jobs.sample(.job(1)) { $0.classes = .these([.number(1), .name("0")]) })
    #expect(try jobs.run(6).code == WorkerExit.finished)

    try jobs.add(7, jobs.train { $0.training.steps = 1 })
    try jobs.run(7)
    for (id, key) in [(8, "classes"), (9, "guidance")] {
      let work = jobs.sample(.job(7)) { spec in
        if id == 8 { spec.classes = .these([.number(0)]) } else { spec.guidance.scale = 2 }
      }
      #expect(try problem(jobs, id, work).contains("$.\(key): the model is not class-conditional"))
    }
  }

  @Test func labelsThatDoNotFitTheNetworkFailTheJob() throws {
    let jobs = try labelledJobs()
    #expect(
      try problem(jobs, 1, train(jobs) { $0.unet?.numClassEmbeds = 2 }).contains(
        "$.unet.num_class_embeds: found 2, allowed is 3: the data set has 2 classes"))
    try jobs.add(2, train(jobs) { $0.unet?.numClassEmbeds = 3 })
    #expect(try jobs.run(2).code == WorkerExit.finished)
    // The model of init has classes or it has not.
    #expect(
      try problem(
        jobs, 3,
        jobs.train {
          $0.initial = .job(2); $0.unet = nil
        }
      ).contains(
        "$.dataset.labels: the model of $.init is class-conditional"))
    try jobs.add(4, jobs.train { $0.training.steps = 1 })
    try jobs.run(4)
    #expect(
      try problem(jobs, 5, train(jobs) { $0.initial = .job(4) }).contains("has no classes"))
    try jobs.add(6, train(jobs) { $0.initial = .job(2) })
    #expect(try jobs.run(6).code == WorkerExit.finished)
  }

  @Test func aRunDoesNotGoOnWithOtherClasses() throws {
    let jobs = try labelledJobs()
    let work = train(jobs, steps: 12) { $0.dataset.classNames = nil }
    try jobs.add(1, work)
    #expect(try jobs.run(1, stopAfter: 3).code == WorkerExit.stopped)
    try unsafe writeNpy(to: jobs.labels, shape: [16]) {
      (index, label: UnsafeMutableBufferPointer<UInt8>) in unsafe label[0] = UInt8(index % 3)
    }
    #expect(try problem(jobs, 1, work).contains("has other classes now"))
  }
}

extension Jobs {
  fileprivate var labels: String { path + "/labels.npy" }
}
