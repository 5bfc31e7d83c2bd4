import Diffusion
import ModelConfig
import TensorCore
import Testing

/// The closed forms against the chain's definition: one step at a time, and Bayes' rule.
struct GaussianDiffusionTests {
  let diffusion = GaussianDiffusion(NoiseSchedule(betas: [0.1, 0.05, 0.2, 0.3, 0.02]))

  /// (8): mean factor and variance of xₜ by composing the steps (5), in which each step multiplies
  /// what is there by 1 − β and adds β.
  @Test func manyStepsAreStepsComposed() {
    var (signal, variance) = (1.0, 0.0)
    for t in 1...5 {
      let beta = diffusion.schedule.beta[t]
      signal *= (1 - beta).squareRoot()
      variance = (1 - beta) * variance + beta
      #expect(abs(diffusion.signalScale(t) - signal) < 1e-12)
      #expect(abs(diffusion.noiseScale(t) - variance.squareRoot()) < 1e-12)
    }
  }

  /// (15): q(xₜ₋₁ | xₜ, x₀) ∝ q(xₜ | xₜ₋₁) q(xₜ₋₁ | x₀), the product of two normals in xₜ₋₁,
  /// integrated numerically on a grid.
  @Test(arguments: 2...5)
  func posteriorFollowsFromBayes(t: Int) {
    let (x0, xt) = (0.7, -0.4)
    let beta = diffusion.schedule.beta[t]
    let signal = diffusion.signalScale(t - 1)
    let variance = 1 - signal * signal
    var (mass, first, second) = (0.0, 0.0, 0.0)
    for i in -40_000...40_000 {
      let x = Double(i) * 2e-4
      let step = xt - (1 - beta).squareRoot() * x
      let jump = x - signal * x0
      let density = exponential(-step * step / (2 * beta) - jump * jump / (2 * variance))
      mass += density
      first += density * x
      second += density * x * x
    }
    let mean = first / mass
    let factors = diffusion.posteriorMeanFactors(t)
    #expect(abs(factors.x * xt + factors.data * x0 - mean) < 1e-9)
    #expect(abs(diffusion.posteriorVariance(t) - (second / mass - mean * mean)) < 1e-9)
  }

  @Test func atTheFirstStepThePosteriorIsTheData() {
    let factors = diffusion.posteriorMeanFactors(1)
    #expect(abs(factors.x) < 1e-15 && abs(factors.data - 1) < 1e-15)
    #expect(diffusion.posteriorVariance(1) == 0)
  }

  /// `predictData` undoes `diffuse`, and (17) is (15) at that x₀.
  @Test(arguments: 1...5)
  func dataNoiseAndMeansAgree(t: Int) {
    let memory = FloatBuffer(count: 6 * 8)
    let shape = Shape(2, 2, 1, 2)
    let tensors = (0..<6).map { memory.tensor(at: 8 * $0, shape) }
    let (x0, noise, x) = (tensors[0], tensors[1], tensors[2])
    Philox(seed: 1, stream: 100).fillNormal(x0, step: 0, image: 0)
    Philox(seed: 1, stream: 101).fillNormal(noise, step: 0, image: 0)
    diffusion.diffuse(x0, t: t, noise: noise, into: x)
    diffusion.predictData(x, t: t, noise: noise, into: tensors[3])
    diffusion.posteriorMean(x, data: x0, t: t, into: tensors[4])
    diffusion.reverseMean(x, t: t, noise: noise, into: tensors[5])
    #expect(distance(tensors[3], x0) < 1e-5)
    #expect(distance(tensors[4], tensors[5]) < 1e-5)
  }

  /// (5) applied t times to noise of variance v gives variance (1−ᾱₜ) + ᾱₜ v, by Monte Carlo.
  @Test func stepsOfTheChainHaveTheClosedFormsMoments() {
    let count = 1 << 16
    let memory = FloatBuffer(count: 2 * count)
    let x = memory.tensor(at: 0, Shape(1, 1, 1, count))
    let noise = memory.tensor(at: count, Shape(1, 1, 1, count))
    for i in 0..<count { unsafe x.elements[i] = 0.5 }
    let philox = Philox(seed: 3, stream: 102)
    for t in 1...5 {
      philox.fillNormal(noise, step: UInt32(t), image: 0)
      diffusion.diffuseOnce(x, t: t, noise: noise, into: x)
    }
    let moments = meanAndVariance(x)
    #expect(abs(moments.mean - 0.5 * diffusion.signalScale(5)) < 0.02)
    #expect(abs(moments.variance - (1 - diffusion.schedule.alphaBar[5])) < 0.02)
  }

  /// The gradient is the loss's slope, and parts of a batch add up to the whole.
  @Test func simpleLossAndItsGradient() {
    let memory = FloatBuffer(count: 24)
    let prediction = memory.tensor(at: 0, Shape(4, 1, 1, 2))
    let noise = memory.tensor(at: 8, Shape(4, 1, 1, 2))
    let gradient = memory.tensor(at: 16, Shape(4, 1, 1, 2))
    Philox(seed: 1, stream: 103).fillNormal(prediction, step: 0, image: 0)
    Philox(seed: 1, stream: 103).fillNormal(noise, step: 1, image: 0)
    let loss = SimpleLoss(elements: 8)
    let whole = loss.value(prediction: prediction, noise: noise)
    let parts = [0..<1, 1..<4].map {
      loss.value(prediction: prediction.images($0), noise: noise.images($0))
    }
    #expect(abs(parts[0] + parts[1] - whole) < 1e-12)
    loss.gradient(prediction: prediction, noise: noise, into: gradient)
    let element = unsafe prediction.elements[5]
    unsafe prediction.elements[5] = element + 0.25
    let up = loss.value(prediction: prediction, noise: noise)
    unsafe prediction.elements[5] = element - 0.25
    let down = loss.value(prediction: prediction, noise: noise)
    #expect(abs((up - down) / 0.5 - Double(unsafe gradient.elements[5])) < 1e-6)
  }
}
