import Diffusion
import ModelConfig
import TensorCore
import Testing

/// A network whose output for an image is a pattern of its class and the image itself, so that a
/// label or an image in the wrong place is seen.
private struct ClassPatternDenoiser: Denoiser {
  func predict(_ x: Tensor, timesteps: [Int], labels: [Int]?, into output: Tensor) {
    for (image, label) in (labels ?? []).enumerated() {
      let (input, result) = (x.images(image..<image + 1), output.images(image..<image + 1))
      let channels = (x: input.shape.c, output: result.shape.c)
      for i in 0..<result.count {
        let channel = i % channels.output
        let element = i / channels.output * channels.x + channel % channels.x
        unsafe result.elements[i] =
          Float(label + 1) * input.elements[element] + Float(channel * 10 + timesteps[image])
      }
    }
  }
}

@Suite struct GuidedDenoiserTests {
  private let shape = Shape(3, 2, 4, 2)
  private let timesteps = [5, 0, 9]
  private let labels = [0, 2, 1]

  private func predict(
    _ denoiser: any Denoiser, images: Range<Int> = 0..<3, labels: [Int]? = nil, channels: Int = 2
  ) -> [Float] {
    let x = FloatBuffer(count: shape.count)
    Philox(seed: 1, stream: 0).fillNormal(x.all, step: 0, image: 0)
    let output = FloatBuffer(count: images.count * 8 * channels)
    denoiser.predict(
      x.tensor(at: 0, shape).images(images), timesteps: Array(timesteps[images]),
      labels: labels ?? Array(self.labels[images]),
      into: output.tensor(at: 0, Shape(images.count, 2, 4, channels)))
    return unsafe Array(output.all.elements)
  }

  /// The definition, in Double: Ho & Salimans (2022), and Lin et al. (2023) over an image's elements.
  @Test(arguments: [(0.0, 0.0), (1.0, 0.0), (3.0, 0.0), (3.0, 0.7), (0.5, 1.0)])
  func isItsDefinition(scale: Double, rescale: Double) {
    let guidance = Guidance(scale: scale, rescale: rescale, nullClass: 7)
    let guided = predict(GuidedDenoiser(ClassPatternDenoiser(), guidance)).map(Double.init)
    let conditional = predict(ClassPatternDenoiser()).map(Double.init)
    let null = predict(ClassPatternDenoiser(), labels: [7, 7, 7]).map(Double.init)
    func deviation(_ values: ArraySlice<Double>) -> Double {
      let mean = values.reduce(0, +) / 16
      return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 16).squareRoot()
    }
    let plain = zip(conditional, null).map { $1 + scale * ($0 - $1) }
    for image in 0..<3 {
      let range = image * 16..<(image + 1) * 16
      let ratio = deviation(conditional[range]) / deviation(plain[range])
      for i in range {
        let expected = rescale * plain[i] * ratio + (1 - rescale) * plain[i]
        #expect(abs(guided[i] - expected) < 1e-5 * max(1, abs(expected)))
      }
    }
  }

  @Test func anImageDoesNotDependOnTheOthers() {
    let denoiser = GuidedDenoiser(
      ClassPatternDenoiser(), Guidance(scale: 4, rescale: 0.3, nullClass: 5))
    let together = predict(denoiser)
    for image in 0..<3 {
      let alone = predict(denoiser, images: image..<image + 1)
      #expect(alone == Array(together[image * 16..<(image + 1) * 16]))
    }
  }

  /// Channels beyond those of x are a learned variance: the class's own.
  @Test func aLearnedVarianceIsNotGuided() {
    let guidance = Guidance(scale: 3, rescale: 0.5, nullClass: 7)
    let guided = predict(GuidedDenoiser(ClassPatternDenoiser(), guidance), channels: 4)
    let conditional = predict(ClassPatternDenoiser(), channels: 4)
    let means = predict(GuidedDenoiser(ClassPatternDenoiser(), guidance))
    for pixel in 0..<24 {
      #expect(guided[pixel * 4 + 2..<pixel * 4 + 4] == conditional[pixel * 4 + 2..<pixel * 4 + 4])
      #expect(Array(guided[pixel * 4..<pixel * 4 + 2]) == Array(means[pixel * 2..<pixel * 2 + 2]))
    }
  }

  /// Each image of a batch is drawn for its own class, whatever group it is in.
  @Test func aBatchGivesEachImageItsClass() {
    let pool = ThreadPool(threads: 2)
    func draw(_ images: Range<Int>) -> [Float] {
      let batch = SamplingBatch(
        images: images, imageShape: Shape(1, 2, 2, 1),
        sampler: DDIMSampler(SchedulerConfig(), steps: 3, eta: 0), seed: 3,
        denoisers: [ClassPatternDenoiser(), ClassPatternDenoiser()], pool: pool,
        labels: images.map { $0 % 3 })
      while !batch.isFinished { batch.advance() }
      return unsafe Array(batch.x.elements)
    }
    let together = draw(0..<20)
    for image in 0..<20 {
      #expect(draw(image..<image + 1) == Array(together[image * 4..<(image + 1) * 4]))
    }
  }
}
