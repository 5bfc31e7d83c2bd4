import ModelConfig
import TensorCore
import Testing

@testable import Diffusion

/// RePaint over the exact denoiser of normal data.
struct InpaintingTests {
  private let config = SamplingBatchTests.config

  /// Draws one image of 16×16 whose left half is known and rises from −1 to 1.
  private func draw(
    _ base: any Sampler, denoiser: some Denoiser, resampling: Int = 1, jumpLength: Int = 1
  ) -> (x: [Float], known: [Float], isUnknown: [Bool]) {
    let image = FloatBuffer(count: 256)
    for i in 0..<256 { unsafe image.all.elements[i] = Float(i) / 127.5 - 1 }
    let isUnknown = (0..<256).map { $0 % 16 >= 8 }
    let sampler = InpaintingSampler(
      base, schedule: NoiseSchedule(config), image: image, isUnknown: isUnknown,
      resampling: resampling, jumpLength: jumpLength)
    let batch = SamplingBatch(
      images: 0..<1, imageShape: Shape(1, 16, 16, 1), sampler: sampler, seed: 3,
      denoisers: [denoiser], pool: ThreadPool(threads: 1))
    while !batch.isFinished { batch.advance() }
    return unsafe (Array(batch.x.elements), Array(image.all.elements), isUnknown)
  }

  /// Data whose pixels all have one grey each image: N(0, 1) for the grey, and ε in closed form from
  /// the mean over the pixels, so that known pixels say everything of the unknown ones.
  private struct FlatDataDenoiser: Denoiser {
    let schedule: NoiseSchedule
    func predict(_ x: Tensor, timesteps: [Int], labels: [Int]?, into output: Tensor) {
      let alphaBar = schedule.alphaBar[timesteps[0] + 1]
      let values = unsafe x.elements.map(Double.init)
      let sum = values.reduce(0, +)
      let grey =
        alphaBar.squareRoot() * sum / (alphaBar * Double(values.count) + 1 - alphaBar)
      for (i, value) in values.enumerated() {
        unsafe output.elements[i] = Float(
          (value - alphaBar.squareRoot() * grey) / (1 - alphaBar).squareRoot())
      }
    }
  }

  @Test(arguments: [(1, 1), (3, 1), (2, 10), (2, 200)])
  func knownPixelsAreTheImagesOwn(resampling: Int, jumpLength: Int) {
    let denoiser = NormalDataDenoiser(schedule: NoiseSchedule(config), mean: 0.5, deviation: 0.2)
    let (x, known, isUnknown) = draw(
      AncestralSampler(config), denoiser: denoiser, resampling: resampling,
      jumpLength: jumpLength)
    for i in 0..<256 where !isUnknown[i] { #expect(x[i] == known[i]) }
    // The pixels of this data are independent, so what is known tells nothing of the others.
    let filled = x.indices.filter { isUnknown[$0] }.map { Double(x[$0]) }
    let mean = filled.reduce(0, +) / 128
    let variance = filled.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 128
    #expect(abs(mean - 0.5) < 5 * 0.2 / 128.0.squareRoot())
    #expect(abs(variance.squareRoot() - 0.2) < 0.07)
  }

  /// Resampling is what makes the filled part agree with the known one (the paper's figure 3).
  @Test func resamplingHarmonizesBothParts() {
    let denoiser = FlatDataDenoiser(schedule: NoiseSchedule(config))
    func error(resampling: Int) -> Double {
      let (x, known, isUnknown) = draw(
        DDIMSampler(config, steps: 20, eta: 1), denoiser: denoiser, resampling: resampling,
        jumpLength: 2)
      func mean(_ values: [Float], where wanted: Bool) -> Double {
        values.indices.filter { isUnknown[$0] == wanted }.reduce(0) { $0 + Double(values[$1]) }
          / 128
      }
      return abs(mean(x, where: true) - mean(known, where: false))
    }
    #expect(error(resampling: 20) < 0.5 * error(resampling: 1))
  }

  /// The walk of the paper's published get_schedule_jump, whose times are the steps left, less one.
  @Test(arguments: [(12, 1, 3), (12, 3, 1), (12, 2, 4), (7, 3, 3), (5, 2, 5), (250, 10, 10)])
  func walksAsPublished(steps: Int, resampling: Int, jumpLength: Int) {
    var jumps: [Int: Int] = [:]
    for time in stride(from: 0, to: steps - jumpLength, by: jumpLength) {
      jumps[time] = resampling - 1
    }
    var times: [Int] = [steps]
    while let time = times.last, time >= 1 {
      times.append(time - 1)
      guard let left = jumps[time - 1], left > 0 else { continue }
      jumps[time - 1] = left - 1
      for _ in 0..<jumpLength { times.append((times.last ?? 0) + 1) }
    }
    // Its chain has one step more at the front, from `steps` to `steps` − 1, which it leaves out,
    // and one more at the end, from 0 to the data.
    var expected: [InpaintingSampler.Visit] = []
    for (time, next) in zip(times.dropFirst(), times.dropFirst(2) + [-1]) {
      if next < time {
        expected.append(.init(position: steps - 1 - time, jump: 0))
      } else {
        expected[expected.count - 1].jump += 1
      }
    }
    #expect(
      InpaintingSampler.walk(steps: steps, resampling: resampling, jumpLength: jumpLength)
        == expected)
  }
}
