import Diffusion
import ModelConfig
import Synchronization
import TensorCore
import Testing
import Training

@Suite struct HeldOutBankTests {
  /// A network that answers 0, or ε if it is told the image that all of the data are; it notes what
  /// it is asked.
  private final class Oracle: Denoiser {
    let asked = Mutex<[Int]>([])
    let labels = Mutex<[Int]>([])
    let image: Float?
    let schedule: NoiseSchedule

    init(image: Float? = nil, _ scheduler: SchedulerConfig) {
      self.image = image
      schedule = NoiseSchedule(scheduler)
    }

    func predict(_ x: Tensor, timesteps: [Int], labels: [Int]?, into output: Tensor) {
      asked.withLock { $0 += timesteps }
      self.labels.withLock { $0 += labels ?? [] }
      let size = x.count / x.shape.n
      let outputs = output.shape.c
      // What stands where a learned variance would must not matter.
      fill(output, with: 1e3)
      for i in 0..<x.count {
        let alphaBar = schedule.alphaBar[timesteps[i / size] + 1]
        let signal = Float(alphaBar.squareRoot()) * (image ?? 0)
        let noise = unsafe (x.elements[i] - signal) / Float((1 - alphaBar).squareRoot())
        unsafe output.elements[i * outputs] = image == nil ? 0 : noise
      }
    }
  }

  private func bank(
    count: Int = 40, outputs: Int = 1, threads: Int = 1, labels: [Int]? = nil,
    _ scheduler: SchedulerConfig
  ) -> HeldOutBank {
    let data = FloatBuffer(count: 3 * 64)
    fill(data.all, with: 0.25)
    return HeldOutBank(
      count: count, data: data.tensor(at: 0, Shape(3, 8, 8, 1)), labels: labels,
      scheduler: scheduler, outputChannels: outputs, seed: 5, pool: ThreadPool(threads: threads))
  }

  @Test(arguments: [1, 2])
  func thePerfectPredictionScoresZeroAndNoneTheVarianceOfTheNoise(outputs: Int) throws {
    let scheduler = SchedulerConfig()
    let bank = bank(outputs: outputs, scheduler)
    let perfect = try #require(
      bank.loss([Oracle(image: 0.25, scheduler)], shouldStop: { false }))
    #expect(perfect < 1e-6)
    // 40 images of 64 numbers: a standard error of √(2/2560).
    let none = try #require(bank.loss([Oracle(scheduler)], shouldStop: { false }))
    #expect(abs(none - 1) < 5 * (2.0 / 2560).squareRoot())
  }

  /// One timestep from each of 40 parts of the chain; each image as often as the others.
  @Test func theTriplesCoverTheChainAndTheImages() throws {
    var scheduler = SchedulerConfig()
    scheduler.numTrainTimesteps = 990
    let oracle = Oracle(scheduler)
    _ = bank(labels: [7, 8, 9], scheduler).loss([oracle], shouldStop: { false })
    let asked = oracle.asked.withLock { $0 }
    #expect(
      asked.enumerated().allSatisfy { part, t in
        (part * 990 / 40..<(part + 1) * 990 / 40 + 1).contains(t) && t < 990
      })
    #expect(oracle.labels.withLock { $0 } == (0..<40).map { 7 + $0 % 3 })
  }

  @Test func threadsDoNotChangeBits() throws {
    let scheduler = SchedulerConfig()
    let losses = [1, 3].map { threads in
      bank(threads: threads, scheduler).loss(
        (0..<threads).map { _ in Oracle(image: 0.5, scheduler) }, shouldStop: { false })
    }
    #expect(losses[0] == losses[1] && losses[0] != nil)
  }

  @Test func stopsWhenAsked() {
    let scheduler = SchedulerConfig()
    #expect(bank(scheduler).loss([Oracle(scheduler)], shouldStop: { true }) == nil)
  }
}
