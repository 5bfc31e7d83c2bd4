import StrictJSON

extension SampleTask {
  static let codec: JSONCodec<SampleTask> = .variant(
    by: "type",
    [
      (
        "generate",
        ObjectCodec(
          "Images from noise", defaults: .generate,
          fields: [.constant("type", "generate", required: true, "Every chain begins at noise.")])
      ),
      (
        "interpolate",
        ObjectCodec(
          "Ways from one image to another",
          defaults: .interpolate(InterpolationSpec(from: "", to: "", depths: [])),
          fields: [
            .constant("type", "interpolate", required: true, "Ho et al. (2020), section 4.4."),
            Field(
              "from", \.interpolation.from, .absolutePath, required: true,
              "The image at the left: a PNG or JPEG file, resampled as data sets are."),
            Field(
              "to", \.interpolation.to, .absolutePath, required: true, "The image at the right."),
            Field(
              "depths", \.interpolation.depths, .array(of: .integer(0...100_000), count: 1...16),
              required: true,
              "For each, both images are diffused t steps with the same noise, mixed in equal steps, "
                + "and taken back: a row of count images."),
          ])
      ),
      (
        "inpaint",
        ObjectCodec(
          "Fill a part of an image", defaults: .inpaint(InpaintingSpec(image: "", mask: "")),
          fields: [
            .constant("type", "inpaint", required: true, "RePaint, Lugmayr et al. (2022)."),
            Field(
              "image", \.inpainting.image, .absolutePath, required: true,
              "The image: a PNG or JPEG file, resampled as data sets are."),
            Field(
              "mask", \.inpainting.mask, .absolutePath, required: true,
              "An image of the same size: what is white in it is filled, what is black is kept."),
            Field(
              "resampling", \.inpainting.resampling, .integer(1...1000),
              "How often each part of the chain is walked, so that old and new agree; the time it "
                + "takes grows in proportion."),
            Field(
              "jump_length", \.inpainting.jumpLength, .integer(1...100_000),
              "The steps of such a part."),
          ])
      ),
    ],
    kind: { task in
      switch task {
      case .generate: "generate"
      case .interpolate: "interpolate"
      case .inpaint: "inpaint"
      }
    })

  private var interpolation: InterpolationSpec {
    get {
      if case .interpolate(let spec) = self { spec } else { .init(from: "", to: "", depths: []) }
    }
    set { self = .interpolate(newValue) }
  }

  private var inpainting: InpaintingSpec {
    get { if case .inpaint(let spec) = self { spec } else { .init(image: "", mask: "") } }
    set { self = .inpaint(newValue) }
  }
}

extension NeighboursSpec {
  static let codec = ObjectCodec(
    "Nearest training images", defaults: NeighboursSpec(dataset: TrainSpec.unset.dataset),
    fields: [
      Field(
        "dataset", \.dataset, DatasetSpec.codec.codec, required: true,
        "The images that the model was trained on; with horizontal_flip also their mirror images."),
      Field(
        "samples", \.samples, .integer(1...1000), "The first so many samples are looked up."),
      Field("count", \.count, .integer(1...100), "How many neighbours each gets."),
    ])
}

extension SampleSpec {
  /// Reports what the keys of a sample job may not say together.
  func checkTask(_ report: (_ key: String, _ message: String) -> Void) {
    if task != .generate, ![.ddpm, .ddim].contains(sampler.method) {
      report(
        "sampler",
        "steps of \"\(sampler.method.rawValue)\" build on those before, so that its chains cannot"
          + " begin in the middle or go back as the task wants it; allowed are \"ddpm\" and"
          + " \"ddim\"")
    }
    guard case .interpolate = task else { return }
    if !(2...100).contains(count) {
      report("count", "found \(count), allowed are 2 to 100 images in a row of an interpolation")
    }
    if initialNoise != nil {
      report("initial_noise", "an interpolation begins with two images; leave it out")
    }
    if output.progressive > 0 {
      report("output", "an interpolation begins in the middle of the chain; leave progressive out")
    }
  }
}
