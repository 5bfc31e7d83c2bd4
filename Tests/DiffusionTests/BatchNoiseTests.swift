import Diffusion
import ModelConfig
import Synchronization
import TensorCore
import Testing

/// What a batch tells its observer, and where its noise comes from.
struct BatchNoiseTests {
  private func batch(
    _ images: Range<Int>, _ sampler: any Sampler, threads: Int = 1, noiseIndices: [Int]? = nil,
    observer: SamplingBatch.Observer? = nil
  ) -> SamplingBatch {
    let config = SamplingBatchTests.config
    let denoiser = NormalDataDenoiser(schedule: NoiseSchedule(config), mean: 0, deviation: 0.5)
    return SamplingBatch(
      images: images, imageShape: Shape(1, 2, 3, 1), sampler: sampler, seed: 5,
      denoisers: Array(repeating: denoiser, count: threads), pool: ThreadPool(threads: threads),
      noiseIndices: noiseIndices, observer: observer)
  }

  @Test func theObserverSeesEveryImageBeforeEveryStep() {
    struct Sight: Hashable {
      var image: Int
      var position: Int
      var x: [Float]
    }
    let seen = Mutex<[Sight]>([])
    let sampler = DDIMSampler(SamplingBatchTests.config, steps: 3, eta: 1)
    let batch = batch(4..<15, sampler, threads: 2) { image, position, x, prediction in
      #expect(x.shape == Shape(1, 2, 3, 1) && prediction.shape.n == 1)
      seen.withLock {
        unsafe $0.append(Sight(image: image, position: position, x: Array(x.elements)))
      }
    }
    var expected: Set<Sight> = []
    while !batch.isFinished {
      for image in 4..<15 {
        let x = batch.x.images(image - 4..<image - 3)
        unsafe expected.insert(
          Sight(image: image, position: batch.position, x: Array(x.elements)))
      }
      batch.advance()
    }
    let sights = seen.withLock { $0 }
    #expect(sights.count == 33 && Set(sights) == expected)
  }

  @Test func imagesMayShareNoise() {
    func finish(_ batch: SamplingBatch) -> [[Float]] {
      while !batch.isFinished { batch.advance() }
      return (0..<batch.images.count).map { image in
        unsafe Array(batch.x.images(image..<image + 1).elements)
      }
    }
    let sampler = AncestralSampler(SamplingBatchTests.config)
    let own = finish(batch(0..<3, sampler))
    let shared = finish(batch(7..<10, sampler, noiseIndices: [2, 0, 2]))
    #expect(shared == [own[2], own[0], own[2]])
    #expect(own[0] != own[2])
  }

  /// The draws of a step are independent, and the first is what samplers with one draw have.
  @Test func theDrawsOfAStepDiffer() {
    struct Drawing: Sampler {
      let timesteps = [0, 0, 0]
      let draws: Int
      func update(
        _ x: Tensor, carried: [Tensor], at position: Int, prediction: Tensor,
        noise: (Tensor) -> Void
      ) {
        for _ in 0..<draws { noise(x) }
      }
    }
    var seen: Set<[Float]> = []
    for draws in 1...4 {
      let batch = batch(0..<2, Drawing(draws: draws))
      while !batch.isFinished {
        batch.advance()
        for image in 0..<2 {
          unsafe seen.insert(Array(batch.x.images(image..<image + 1).elements))
        }
      }
    }
    #expect(seen.count == 4 * 3 * 2)
  }
}
