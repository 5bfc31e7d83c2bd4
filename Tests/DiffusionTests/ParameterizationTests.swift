import Diffusion
import ModelConfig
import TensorCore
import Testing

/// The three meanings of a network's output.
struct ParameterizationTests {
  /// An output that is exactly the target says exactly what the image and its noise are.
  @Test(arguments: PredictionType.allCases, [1, 40, 100])
  func aPerfectOutputGivesDataAndNoiseBack(type: PredictionType, t: Int) {
    var config = SchedulerConfig()
    config.numTrainTimesteps = 100
    let diffusion = GaussianDiffusion(NoiseSchedule(config))
    let parameterization = Parameterization(diffusion, type)
    let memory = FloatBuffer(count: 7 * 48)
    func tensor(_ index: Int) -> Tensor { memory.tensor(at: index * 48, Shape(1, 4, 4, 3)) }
    let (data, noise, x, output) = (tensor(0), tensor(1), tensor(2), tensor(3))
    let random = Philox(seed: 1, stream: 2)
    random.fillNormal(data, step: 0, image: 0)
    random.fillNormal(noise, step: 0, image: 1)
    diffusion.diffuse(data, t: t, noise: noise, into: x)

    parameterization.target(data: data, noise: noise, t: t, into: output)
    parameterization.data(output, x: x, t: t, into: tensor(4))
    parameterization.noise(output, x: x, t: t, into: tensor(5))
    #expect(distance(tensor(4), data) < 1e-5)
    // x₀ is known to 7 digits; what is left of xₜ without it, to 7 digits of √ᾱ.
    let error = 1e-6 * diffusion.signalScale(t) / diffusion.noiseScale(t)
    #expect(distance(tensor(5), noise) < Float(error) + 1e-5)

    // Results may be written over the output and over x.
    copy(output, into: tensor(6))
    parameterization.data(tensor(6), x: x, t: t, into: tensor(6))
    #expect(distance(tensor(6), tensor(4)) == 0)
    parameterization.noise(output, x: x, t: t, into: x)
    #expect(distance(x, tensor(5)) == 0)
  }

  /// Of 2C channels the first C of each pixel are the prediction.
  @Test(arguments: PredictionType.allCases)
  func ofAnOutputWithAVarianceThePredictionCounts(type: PredictionType) {
    let parameterization = Parameterization(
      GaussianDiffusion(NoiseSchedule(SchedulerConfig())), type)
    let memory = FloatBuffer(count: 6 * 60)
    func tensor(_ index: Int) -> Tensor { memory.tensor(at: 60 * index, Shape(2, 2, 5, 3)) }
    let (x, prediction) = (tensor(0), tensor(1))
    let output = memory.tensor(at: 120, Shape(2, 2, 5, 6))
    for i in 0..<60 {
      unsafe x.elements[i] = Float(i % 7)
      unsafe prediction.elements[i] = Float(i % 11)
      unsafe output.elements[i / 3 * 6 + i % 3] = Float(i % 11)
      unsafe output.elements[i / 3 * 6 + i % 3 + 3] = -100
    }
    for convert in [parameterization.data, parameterization.noise] {
      convert(prediction, x, 300, tensor(4))
      convert(output, x, 300, tensor(5))
      #expect(distance(tensor(4), tensor(5)) == 0)
    }
  }

  /// v = √ᾱ ε − √(1−ᾱ) x₀, by its definition.
  @Test func theVelocityIsTheAnglesDerivative() {
    let diffusion = GaussianDiffusion(NoiseSchedule(SchedulerConfig()))
    let memory = FloatBuffer(count: 3)
    func number(_ index: Int) -> Tensor { memory.tensor(at: index, Shape(1, 1, 1, 1)) }
    fill(number(0), with: 0.25)
    fill(number(1), with: -2)
    Parameterization(diffusion, .velocity)
      .target(data: number(0), noise: number(1), t: 300, into: number(2))
    let alphaBar = diffusion.schedule.alphaBar[300]
    let velocity = -2 * alphaBar.squareRoot() - 0.25 * (1 - alphaBar).squareRoot()
    #expect(abs(Double(unsafe number(2).elements[0]) - velocity) < 1e-6)
  }
}
