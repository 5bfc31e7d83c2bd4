import DurableIO
import Images
import JobRunner
import Jobs
import ModelConfig
import StrictJSON
import TensorCore
import TensorFiles
import Testing

struct SampleJobTests {
  /// Jobs of which number 1 has trained a model, called `model`.
  private func jobsWithModel() throws -> Jobs {
    let jobs = try Jobs()
    try jobs.add(
      1,
      jobs.train { $0.training.steps = 3 }, name: "model")
    #expect(try jobs.run(1).code == WorkerExit.finished)
    return jobs
  }

  private static let files =
    ["samples.npy", "samples-float32.npy", "grid.png"] + (0..<5).map { "samples/\($0).png" }

  private static let samplers = [
    SamplerSpec.ddpm, SamplerSpec(.ddpm, steps: 7), .ddim(steps: 7, eta: 0),
    .ddim(steps: 7, eta: 1), SamplerSpec(.dpmSolver, steps: 7), SamplerSpec(.heun, steps: 4),
  ]

  @Test(arguments: samplers)
  func batchesThreadsAndInterruptionsDoNotChangeImages(sampler: SamplerSpec) throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, jobs.sample(.job(1)) { $0.sampler = sampler })
    let run = try jobs.run(2)
    #expect(run.code == WorkerExit.finished && run.messages.last == .finished)
    for (id, batchSize) in [(3, 1), (4, 2), (5, 5)] {
      try jobs.add(
        id,
        jobs.sample(.job(1)) { spec in
          spec.sampler = sampler
          spec.batchSize = batchSize
        })
      #expect(try jobs.runInPieces(id, polls: [3, 5, 2, 9]) > 1)
      for file in Self.files { #expect(try jobs.sum(id, file) == jobs.sum(2, file)) }
      #expect(try !Directory.exists(jobs.directory(id).path + "/samples"))
    }
  }

  @Test func theFormsOfOutputShowTheSameImages() throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, jobs.sample(.jobNamed("model")))
    #expect(try jobs.run(2).code == WorkerExit.finished)
    let results = jobs.directory(2).results
    let array = try NpyFile(path: results + "/samples.npy")
    #expect(array.shape == [5, 8, 8, 1] && array.holds(UInt8.self))
    let floats = try NpyFile(path: results + "/samples-float32.npy")
    #expect(floats.shape == [5, 1, 8, 8] && floats.holds(Float.self))
    for index in 0..<5 {
      var pixels = [UInt8](repeating: 0, count: 64)
      try unsafe pixels.withUnsafeMutableBufferPointer { buffer in
        try unsafe array.read(from: 64 * index, into: buffer)
      }
      #expect(try loadImage(path: results + "/samples/\(index).png").pixels == pixels)
      var values = [Float](repeating: 0, count: 64)
      try unsafe values.withUnsafeMutableBufferPointer { buffer in
        try unsafe floats.read(from: 64 * index, into: buffer)
      }
      for (value, pixel) in zip(values, pixels) {
        #expect(abs(max(-1, min(1, value)) - (Float(pixel) / 127.5 - 1)) < 1.001 / 255)
      }
      let levels = values.map { ($0 + 1) * 127.5 }
      #expect(levels.contains { abs($0 - $0.rounded()) > 0.1 }, "they are not rounded")
    }
    let manifest = try jobs.json(results + "/manifest.json")
    #expect(
      try manifest["inputs"]?["weights"]?["sha256"]?.string
        == jobs.sum(1, "unet/diffusion_pytorch_model.safetensors"))
    #expect(manifest["files"]?.array?.count == 8)
  }

  /// The seed's own noise, given as a file in diffusers' layout, changes nothing.
  @Test func startsFromTheNoiseGiven() throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, jobs.sample(.job(1)))
    try jobs.run(2)
    let noise = FloatBuffer(count: 64)
    let file = jobs.path + "/noise.npy"
    try unsafe writeNpy(to: file, shape: [5, 1, 8, 8]) {
      (index, values: UnsafeMutableBufferPointer<Float>) in
      Philox(seed: 42, stream: 3).fillNormal(noise.all, step: 0, image: UInt32(index))
      unsafe _ = values.update(fromContentsOf: noise.all.elements)
    }
    try jobs.add(
      3,
      jobs.sample(.path(jobs.directory(1).results)) { spec in
        spec.initialNoise = file
        spec.batchSize = 2
      })
    #expect(try jobs.run(3, threads: 2).code == WorkerExit.finished)
    #expect(try jobs.sum(3, "samples.npy") == jobs.sum(2, "samples.npy"))

    try jobs.add(
      4,
      jobs.sample(.job(1)) { spec in
        spec.initialNoise = file
        spec.count = 6
      })
    let run = try jobs.run(4)
    #expect(run.code == WorkerExit.failed)
    #expect(run.reason?.contains("[5, 1, 8, 8]") == true)
    #expect(run.reason?.contains("[6, 1, 8, 8]") == true)
    #expect(run.reason?.contains("N equal to $.count") == true)
  }

  @Test(arguments: [Float.nan, -.infinity]) func noiseMustBeFinite(value: Float) throws {
    let jobs = try jobsWithModel()
    let file = jobs.path + "/noise.npy"
    try unsafe writeNpy(to: file, shape: [5, 1, 8, 8]) {
      (index, values: UnsafeMutableBufferPointer<Float>) in
      if index == 3 { unsafe values[2 * 8 + 5] = value }
    }
    try jobs.add(2, jobs.sample(.job(1)) { $0.initialNoise = file })
    let run = try jobs.run(2)
    #expect(run.code == WorkerExit.failed)
    #expect(run.reason?.contains("image 3, channel 0, row 2, column 5") == true)
  }

  /// Killed behind the publication, a job may be run again, and does nothing.
  @Test func nothingButTheResultsStays() throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, jobs.sample(.job(1)))
    let run = try jobs.run(2)
    #expect(run.log.contains { $0.hasPrefix("drawn ") && $0.contains("of 5 images") })
    let (directory, names) = (jobs.directory(2), try Directory.names(in: jobs.directory(2).path))
    #expect(!names.contains("samples") && !names.contains("checkpoints"))
    #expect(try jobs.run(2).messages == [.finished])
    #expect(try Directory.names(in: directory.path) == names)
  }

  @Test func aResumedJobUsesTheModelItBeganWith() throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, jobs.sample(.jobNamed("model")))
    #expect(try jobs.run(2, stopAfter: 3).code == WorkerExit.stopped)
    // A newer model of that name appears.
    try jobs.add(
      3, jobs.train { $0.training.steps = 1 }, name: "model")
    try jobs.run(3)
    #expect(try jobs.run(2).code == WorkerExit.finished)
    let manifest = try jobs.json(jobs.directory(2).results + "/manifest.json")
    #expect(manifest["inputs"]?["model"]?.string?.hasSuffix("/jobs/1/results") == true)

    // The model changes under the job.
    try jobs.add(4, jobs.sample(.job(1)))
    #expect(try jobs.run(4, stopAfter: 3).code == WorkerExit.stopped)
    let weights = jobs.directory(1).results + "/unet/diffusion_pytorch_model.safetensors"
    var bytes = try readFile(weights)
    bytes[bytes.count - 1] ^= 1
    try AtomicFile.write(bytes, to: weights)
    let run = try jobs.run(4)
    #expect(run.code == WorkerExit.failed && run.reason?.contains("has changed") == true)
  }

  /// A train job that was submitted later may have run earlier; it is not the one that was meant.
  @Test func aModelByNameIsOneSubmittedBefore() throws {
    let jobs = try jobsWithModel()
    try jobs.add(3, jobs.train { $0.training.steps = 1 }, name: "model")
    #expect(try jobs.run(3).code == WorkerExit.finished)
    for (id, model) in [(2, 1), (4, 3)] {
      try jobs.add(id, jobs.sample(.jobNamed("model")))
      #expect(try jobs.run(id).code == WorkerExit.finished)
      let inputs = try jobs.json(jobs.directory(id).results + "/manifest.json")["inputs"]
      #expect(inputs?["model"]?.string == jobs.directory(model).results)
    }
  }

  @Test func modelsThatCannotBeUsedFailTheJob() throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, jobs.train())
    let cases: [(ModelReference, String)] = [
      (.job(9), "no job 9"), (.job(2), "job 2 is not done yet"), (.job(3), "is a sample job"),
      (.jobNamed("nobody"), "\"nobody\"; no other job has that name"),
      (.jobNamed("test"), "\"test\"; job 2 is not done yet"),
      (.path(jobs.path + "/nowhere"), "nowhere cannot be used: there is no such folder"),
    ]
    for (index, (model, words)) in cases.enumerated() {
      try jobs.add(3 + index, jobs.sample(model))
      let run = try jobs.run(3 + index)
      #expect(run.code == WorkerExit.failed)
      #expect(run.reason?.contains(words) == true, "\(run.reason ?? "")")
    }
    try jobs.add(20, jobs.sample(.job(1)) { $0.sampler = .ddim(steps: 21, eta: 0) })
    #expect(try jobs.run(20).reason?.contains("found 21, allowed is 1 to 20") == true)
  }

  /// Timesteps that the model's chain of 20 steps does not have.
  @Test func stepsMustFitTheChainAndTheSpacing() throws {
    let jobs = try jobsWithModel()
    var shifted = SamplerSpec.ddim(steps: 10, eta: 0)
    shifted.overrides.stepsOffset = 2
    try jobs.add(2, jobs.sample(.job(1)) { $0.sampler = shifted })
    #expect(try jobs.run(2).reason?.contains("spacing leading and steps_offset 2") == true)
    try jobs.add(3, jobs.sample(.job(1)) { $0.sampler = SamplerSpec(.dpmSolver, steps: 20) })
    #expect(try jobs.run(3).reason?.contains("no 20 timesteps for dpm_solver++") == true)
  }

  /// The published way to get noisy images quickly is done, with a word in the log; the job may
  /// choose the other variance.
  @Test func fixedLargeOverFewStepsWarns() throws {
    let jobs = try Jobs()
    try jobs.add(
      1,
      jobs.train { spec in
        spec.training.steps = 1
        spec.scheduler?.varianceType = .fixedLarge
      }, name: "model")
    #expect(try jobs.run(1).code == WorkerExit.finished)
    var small = SamplerSpec(.ddpm, steps: 7)
    small.overrides.varianceType = .fixedSmall
    for (id, sampler, warns) in [
      (2, SamplerSpec(.ddpm, steps: 7), true), (3, .ddpm, false), (4, small, false),
    ] {
      try jobs.add(id, jobs.sample(.job(1)) { $0.sampler = sampler })
      let run = try jobs.run(id)
      #expect(run.code == WorkerExit.finished)
      #expect(run.log.contains { $0.contains("fixed_large over 7 of 20 steps") } == warns)
    }
    #expect(try jobs.sum(4, "samples.npy") != jobs.sum(2, "samples.npy"))
  }

  /// Every prediction and variance is trained, drawn from with every sampler, and written so that it
  /// can be drawn from again.
  @Test(arguments: PredictionType.allCases)
  func everyPredictionIsTrainedAndDrawn(type: PredictionType) throws {
    let jobs = try Jobs()
    try jobs.add(
      1,
      jobs.train { spec in
        spec.training.steps = 2
        spec.scheduler?.predictionType = type
        spec.scheduler?.varianceType = .learnedRange
        spec.scheduler?.rescaleBetasZeroSNR = type != .epsilon
        spec.unet?.outChannels = 2
        spec.loss.kind = .hybrid(vlbWeight: 0.001)
      }, name: "model")
    #expect(try jobs.run(1).code == WorkerExit.finished)
    for (index, sampler) in Self.samplers.enumerated() {
      var sampler = sampler
      sampler.overrides.timestepSpacing = .trailing
      try jobs.add(2 + index, jobs.sample(.job(1)) { $0.sampler = sampler })
      #expect(try jobs.run(2 + index).code == WorkerExit.finished, "\(sampler)")
    }
  }

  @Test(arguments: [
    (JobEvent.Kind.started, "is still running"), (.cancelled, "was cancelled"),
    (.failed, "failed"), (.deferred, "is not done yet"),
  ])
  func whatBecameOfTheModelsJobIsSaid(last: JobEvent.Kind, words: String) throws {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train(), name: "long")
    let events = try AppendLog(jobs.directory(1).events)
    for kind in [JobEvent.Kind.admitted, .started, last] {
      try events.append(JobEvent(time: .now(), kind: kind, attempt: 1).line)
    }
    for (id, model) in [(2, ModelReference.job(1)), (3, .jobNamed("long"))] {
      try jobs.add(id, jobs.sample(model), name: "long")
      let reason = try #require(try jobs.run(id).reason)
      #expect(reason.contains("job 1 \(words)"), "\(reason)")
    }
  }
}
