import DurableIO
import Images
import JobRunner
import Jobs
import StrictJSON
import TensorCore
import TensorFiles
import Testing

/// Interpolation, inpainting, progressive generation and neighbours, in small jobs with every form
/// of output.
struct SampleTaskTests {
  /// Jobs of which number 1 has trained a model of 20 steps; two pictures and a mask beside them.
  private func jobsWithModel() throws -> Jobs {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train { $0.training.steps = 3 })
    #expect(try jobs.run(1).code == WorkerExit.finished)
    try write(Self.rising, to: jobs.path + "/from.png")
    try write(Self.falling, to: jobs.path + "/to.png")
    try write(Self.rightHalf, to: jobs.path + "/mask.png")
    return jobs
  }

  private static let rising = grey { UInt8(4 * $0) }
  private static let falling = grey { UInt8(255 - 2 * $0) }
  private static let rightHalf = grey { $0 % 8 < 4 ? 0 : 255 }

  /// An image of 8×8 pixels.
  private static func grey(_ value: (Int) -> UInt8) -> Image {
    Image(height: 8, width: 8, channels: 1, pixels: (0..<64).map(value))
  }

  private func write(_ image: Image, to path: String) throws {
    try AtomicFile.write(encodePNG(image), to: path)
  }

  /// The images of an array of a job's results, in order.
  private func images(_ jobs: Jobs, _ id: Int, _ name: String = "samples.npy") throws -> [[UInt8]] {
    try images(jobs.directory(id).results + "/" + name)
  }

  private func images(_ path: String) throws -> [[UInt8]] {
    let file = try NpyFile(path: path)
    return try (0..<file.count / 64).map { index in
      var pixels = [UInt8](repeating: 0, count: 64)
      try unsafe pixels.withUnsafeMutableBufferPointer { buffer in
        try unsafe file.read(from: 64 * index, into: buffer)
      }
      return pixels
    }
  }

  private func interpolation(_ jobs: Jobs, _ depths: [Int]) -> SampleTask {
    .interpolate(
      InterpolationSpec(from: jobs.path + "/from.png", to: jobs.path + "/to.png", depths: depths))
  }

  private func inpainting(_ jobs: Jobs) -> SampleTask {
    var spec = InpaintingSpec(image: jobs.path + "/from.png", mask: jobs.path + "/mask.png")
    spec.resampling = 2
    spec.jumpLength = 4
    return .inpaint(spec)
  }

  // MARK: Bits

  enum Feature: CaseIterable {
    case interpolation
    case inpainting
    case progressive
  }

  @Test(arguments: Feature.allCases)
  func batchesThreadsAndInterruptionsDoNotChangeResults(feature: Feature) throws {
    let jobs = try jobsWithModel()
    func spec(batchSize: Int) -> JobSpec.Work {
      jobs.sample(.job(1)) { spec in
        spec.batchSize = batchSize
        switch feature {
        case .interpolation:
          spec.count = 3
          spec.task = interpolation(jobs, [0, 7, 20])
        case .inpainting:
          spec.task = inpainting(jobs)
          spec.output.progressive = 3
        case .progressive:
          spec.count = 10
          spec.sampler = SamplerSpec(.dpmSolver, steps: 7)
          spec.output.progressive = 4
        }
        spec.neighbours = NeighboursSpec(dataset: DatasetSpec(format: .npy, path: jobs.dataset))
      }
    }
    try jobs.add(2, spec(batchSize: 64))
    #expect(try jobs.run(2).code == WorkerExit.finished)
    let manifest = try jobs.json(jobs.directory(2).results + "/manifest.json")
    let files = (manifest["files"]?.array ?? []).compactMap { $0["path"]?.string }
    #expect(files.contains("neighbours.png") && files.contains("neighbours.json"))
    #expect(files.contains("progressive.png") == (feature != .interpolation))
    #expect(files.contains("interpolation.png") == (feature == .interpolation))
    #expect(files.contains("inpainting.png") == (feature == .inpainting))
    for (id, batchSize) in [(3, 1), (4, 3)] {
      try jobs.add(id, spec(batchSize: batchSize))
      #expect(try jobs.runInPieces(id, polls: [3, 5, 40]) > 1)
      for file in files { #expect(try jobs.sum(id, file) == jobs.sum(2, file), "\(file)") }
    }
  }

  // MARK: Interpolation

  @Test func atDepthZeroTheImagesAreMixed() throws {
    let jobs = try jobsWithModel()
    try jobs.add(
      2,
      jobs.sample(.job(1)) { spec in
        spec.count = 3
        spec.task = interpolation(jobs, [0, 12])
      })
    #expect(try jobs.run(2).code == WorkerExit.finished)
    let samples = try images(jobs, 2)
    #expect(samples.count == 6)
    #expect(samples[0] == Self.rising.pixels && samples[2] == Self.falling.pixels)
    for (i, mixed) in samples[1].enumerated() {
      let mean = (Double(Self.rising.pixels[i]) + Double(Self.falling.pixels[i])) / 2
      #expect(abs(Double(mixed) - mean) <= 0.5)
    }
    #expect(samples[3] != samples[0] && samples[5] != samples[2])
  }

  /// Between an image and itself there is no way to go: the images of a row differ in nothing, as
  /// they share all noise. Rows do not.
  @Test func aRowSharesItsNoise() throws {
    let jobs = try jobsWithModel()
    try write(Self.rising, to: jobs.path + "/to.png")
    try jobs.add(
      2,
      jobs.sample(.job(1)) { spec in
        spec.count = 3
        spec.batchSize = 2
        spec.task = interpolation(jobs, [15, 15])
      })
    #expect(try jobs.run(2).code == WorkerExit.finished)
    let samples = try images(jobs, 2)
    #expect(Set(samples[0..<3]).count == 1 && Set(samples[3..<6]).count == 1)
    #expect(samples[0] != samples[3])
  }

  /// A sampler that leaves steps out begins at the next of its own.
  @Test func depthsThatTheSamplerPassesOverAreSaid() throws {
    let jobs = try jobsWithModel()
    try jobs.add(
      2,
      jobs.sample(.job(1)) { spec in
        spec.count = 2
        spec.sampler = .ddim(steps: 4, eta: 0)
        spec.task = interpolation(jobs, [20, 6])
      })
    let run = try jobs.run(2)
    #expect(run.code == WorkerExit.finished)
    #expect(run.log.contains { $0.contains("depth 20") && $0.hasSuffix("begins at 16") })
    #expect(!run.log.contains { $0.contains("depth 6") })
  }

  // MARK: Inpainting

  @Test func knownPixelsAreKept() throws {
    let jobs = try jobsWithModel()
    try jobs.add(2, jobs.sample(.job(1)) { $0.task = inpainting(jobs) })
    #expect(try jobs.run(2).code == WorkerExit.finished)
    let samples = try images(jobs, 2)
    let (known, unknown) = (
      (0..<64).filter { $0 % 8 < 4 }, (0..<64).filter { $0 % 8 >= 4 }
    )
    for sample in samples { for i in known { #expect(sample[i] == Self.rising.pixels[i]) } }
    #expect(Set(samples.map { sample in unknown.map { sample[$0] } }).count == 5)
    // A file that changes under the job is noticed.
    try jobs.add(3, jobs.sample(.job(1)) { $0.task = inpainting(jobs) })
    #expect(try jobs.run(3, stopAfter: 2).code == WorkerExit.stopped)
    try write(Self.falling, to: jobs.path + "/mask.png")
    #expect(try jobs.run(3).reason?.contains("mask.png has changed") == true)
  }

  // MARK: Progressive generation

  /// Of one step, x̂₀ is the sample; of the full chain, x̂₀ at t = 1 is.
  @Test(arguments: [SamplerSpec.ddim(steps: 1, eta: 0), .ddpm])
  func theStripEndsInTheSample(sampler: SamplerSpec) throws {
    let jobs = try jobsWithModel()
    try jobs.add(
      2,
      jobs.sample(.job(1)) { spec in
        spec.count = 10
        spec.batchSize = 3
        spec.sampler = sampler
        spec.output.progressive = 50
      })
    #expect(try jobs.run(2, threads: 2).code == WorkerExit.finished)
    let samples = try images(jobs, 2)
    let views = try images(jobs, 2, "progressive.npy")
    let row = sampler == .ddpm ? 22 : 3
    #expect(views.count == 8 * row)
    let noise = FloatBuffer(count: 64)
    for image in 0..<8 {
      let strip = Array(views[image * row..<(image + 1) * row])
      #expect(strip[row - 1] == samples[image] && strip[row - 2] == samples[image])
      var expected = [UInt8](repeating: 0, count: 64)
      Philox(seed: 42, stream: 3).fillNormal(noise.all, step: 0, image: UInt32(image))
      unsafe expected.withUnsafeMutableBufferPointer { unsafe bytes(from: noise.all, into: $0) }
      #expect(strip[0] == expected)
      #expect(strip[1] != strip[0])
    }
  }

  // MARK: Neighbours

  /// The brute-force oracle, in Double and over all pairs. Of the data set's images, more than a
  /// thread takes at a time, each is there twice or thrice.
  @Test(arguments: [false, true])
  func neighboursAreTheNearest(mirrored: Bool) throws {
    let jobs = try jobsWithModel()
    try unsafe writeNpy(to: jobs.dataset, shape: [300, 8, 8, 1]) {
      (index, pixels: UnsafeMutableBufferPointer<UInt8>) in
      for i in 0..<64 {
        unsafe pixels[i] = UInt8(truncatingIfNeeded: (i + 1) * (index % 130) * 7)
      }
    }
    try jobs.add(
      2,
      jobs.sample(.job(1)) { spec in
        var neighbours = NeighboursSpec(dataset: DatasetSpec(format: .npy, path: jobs.dataset))
        neighbours.samples = 3
        neighbours.count = 4
        neighbours.dataset.horizontalFlip = mirrored
        spec.neighbours = neighbours
      })
    #expect(try jobs.run(2, threads: 2).code == WorkerExit.finished)
    let json = try jobs.json(jobs.directory(2).results + "/neighbours.json")
    let found = try #require(json["samples"]?.array)
    #expect(found.count == 3)
    let data = try images(jobs.dataset)
    for (index, sample) in try images(jobs, 2).prefix(3).enumerated() {
      func distance(_ image: [UInt8], mirrored: Bool) -> Double {
        var sum = 0.0
        for i in 0..<64 {
          let j = mirrored ? i / 8 * 8 + 7 - i % 8 : i
          let difference = (Double(sample[i]) - Double(image[j])) / 255
          sum += difference * difference
        }
        return sum.squareRoot()
      }
      let expected = data.indices.map { place in
        let plain = distance(data[place], mirrored: false)
        let other = mirrored ? distance(data[place], mirrored: true) : .infinity
        return (index: place, distance: min(plain, other), mirrored: other < plain)
      }.sorted { ($0.distance, $0.index) < ($1.distance, $1.index) }
      let neighbours = try #require(found[index]["neighbours"]?.array)
      #expect(neighbours.count == 4)
      for (neighbour, expected) in zip(neighbours, expected) {
        #expect(neighbour["index"]?.int == expected.index)
        #expect(neighbour["mirrored"]?.bool == expected.mirrored)
        let distance = try #require(neighbour["distance"]?.double)
        #expect(abs(distance - expected.distance) < 1e-9)
      }
    }
  }

  /// What a model has learnt by heart is at distance 0; the data set has fewer images than wanted.
  @Test func aTrainingImageIsItsOwnNeighbour() throws {
    let jobs = try jobsWithModel()
    try jobs.writeDataset(count: 4)
    let data = try images(jobs.dataset)
    try write(Self.grey { data[2][$0] }, to: jobs.path + "/from.png")
    try write(Self.grey { data[3][$0 / 8 * 8 + 7 - $0 % 8] }, to: jobs.path + "/to.png")
    try jobs.add(
      2,
      jobs.sample(.job(1)) { spec in
        spec.count = 2
        spec.task = interpolation(jobs, [0])
        var neighbours = NeighboursSpec(dataset: DatasetSpec(format: .npy, path: jobs.dataset))
        neighbours.dataset.horizontalFlip = true
        spec.neighbours = neighbours
      })
    #expect(try jobs.run(2).code == WorkerExit.finished)
    let json = try jobs.json(jobs.directory(2).results + "/neighbours.json")
    for (sample, index) in [2, 3].enumerated() {
      let neighbours = try #require(json["samples"]?.array?[sample]["neighbours"]?.array)
      #expect(neighbours.count == 4)
      let nearest = try #require(neighbours.first)
      #expect(nearest["index"]?.int == index && nearest["distance"]?.double == 0)
      #expect(nearest["mirrored"]?.bool == (sample == 1))
    }
  }

  // MARK: Errors

  @Test func whatCannotBeUsedIsNamed() throws {
    let jobs = try jobsWithModel()
    try write(Image(height: 9, width: 8, color: [255]), to: jobs.path + "/tall.png")
    try write(Image(height: 8, width: 8, color: [127]), to: jobs.path + "/dark.png")
    try AtomicFile.write("no image", to: jobs.path + "/text.png")
    func inpaint(_ change: (inout InpaintingSpec) -> Void) -> SampleTask {
      var spec = InpaintingSpec(image: jobs.path + "/from.png", mask: jobs.path + "/mask.png")
      change(&spec)
      return .inpaint(spec)
    }
    let cases: [(SampleTask, String)] = [
      (interpolation(jobs, [3, 21]), "$.task.depths[1]: found 21, allowed is 0 to 20"),
      (
        .interpolate(
          InterpolationSpec(from: jobs.path + "/text.png", to: jobs.path + "/to.png", depths: [1])),
        "$.task.from: \(jobs.path)/text.png is neither a PNG nor a JPEG"
      ),
      (inpaint { $0.image = jobs.path + "/none.png" }, "$.task.image: "),
      (
        inpaint { $0.mask = jobs.path + "/tall.png" },
        "$.task.mask: \(jobs.path)/tall.png is 8×9 pixels and $.task.image: \(jobs.path)/from.png"
          + " is 8×8"
      ),
      (inpaint { $0.mask = jobs.path + "/dark.png" }, "has nothing white"),
      (
        inpaint { $0.jumpLength = 21 },
        "$.task.jump_length: found 21, allowed is 1 to 20"
      ),
    ]
    for (index, (task, words)) in cases.enumerated() {
      try jobs.add(2 + index, jobs.sample(.job(1)) { $0.task = task })
      let run = try jobs.run(2 + index)
      #expect(run.code == WorkerExit.failed)
      #expect(run.reason?.contains(words) == true, "\(run.reason ?? "")")
    }
    try jobs.add(
      20,
      jobs.sample(.job(1)) {
        $0.neighbours = NeighboursSpec(dataset: DatasetSpec(format: .npy, path: "/none.npy"))
      })
    let run = try jobs.run(20)
    #expect(run.code == WorkerExit.failed)
    #expect(run.reason?.contains("$.neighbours.dataset: /none.npy") == true, "\(run.reason ?? "")")
  }
}
