import ModelConfig
import TensorCore

/// What keeps x̂₀ in the range of images while sampling.
enum DataLimit: Equatable, Sendable {
  /// Nothing.
  case none
  /// `clip_sample`: every element is clipped to ±range.
  case clipping(Float)
  /// `thresholding`: Saharia et al. (2022), "Imagen", section 2.3. Each image is clipped to ±s and
  /// divided by s, the quantile `ratio` of its absolute values, but at least 1 and at most `largest`.
  case thresholding(ratio: Double, largest: Double)

  /// What a config asks for; thresholding goes before clipping.
  init(_ config: SchedulerConfig) {
    self =
      if config.thresholding {
        .thresholding(ratio: config.dynamicThresholdingRatio, largest: config.sampleMaxValue)
      } else if config.clipSample {
        .clipping(Float(config.clipSampleRange))
      } else {
        .none
      }
  }

  /// Limits `data`, N×H×W×C, in place.
  func apply(to data: Tensor) {
    switch self {
    case .none: break
    case .clipping(let range): clamp(data, to: range)
    case .thresholding(let ratio, let largest):
      for n in 0..<data.shape.n {
        let image = data.images(n..<n + 1)
        let magnitudes = unsafe image.elements.map { abs($0) }.sorted()
        let threshold = Float(min(max(1, quantile(ratio, of: magnitudes)), largest))
        clamp(image, to: threshold)
        scale(image, by: 1 / threshold)
      }
    }
  }

  /// The quantile of sorted values, linear between two of them.
  private func quantile(_ ratio: Double, of sorted: [Float]) -> Double {
    let rank = ratio * Double(sorted.count - 1)
    let below = Int(rank)
    let (low, high) = (sorted[below], sorted[min(below + 1, sorted.count - 1)])
    return Double(low) + (rank - Double(below)) * (Double(high) - Double(low))
  }
}
