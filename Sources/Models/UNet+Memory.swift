internal import ModelConfig

extension UNet {
  /// Bytes that `train` keeps of each image from the forward to the backward pass, nearly: what is
  /// small beside a feature map, and what lives for a moment only, is left out.
  public var activationBytes: Int { activationBytes(recomputing: false) }

  /// The same where a pass keeps the blocks' inputs, and remakes what is in one block at a time.
  public func activationBytes(recomputing: Bool) -> Int {
    let channels = config.blockOutChannels
    let last = channels.count - 1
    func pixels(_ level: Int) -> Int { (config.sampleSize >> level) * (config.sampleSize >> level) }
    // A resnet block keeps its hidden map; attention its input, q, k, v and what was attended.
    func stage(_ channels: Int, attention: Bool) -> Int { channels * (attention ? 6 : 1) }

    // What is kept in any case: the ends of the network, skips, the mid block's maps.
    var kept = (config.inChannels + 3 * channels[0]) * pixels(0) + 3 * channels[last] * pixels(last)
    // What is within each block, and can be remade.
    var inner = [stage(channels[last], attention: config.addAttention) * pixels(last)]
    for (level, type) in config.downBlockTypes.enumerated() {
      kept += config.layersPerBlock * channels[level] * pixels(level)
      if level < last { kept += channels[level] * pixels(level + 1) }
      let one = stage(channels[level], attention: type == .attentionDown) * pixels(level)
      inner += Array(repeating: one, count: config.layersPerBlock)
    }
    var below = channels[last]
    for (index, type) in config.upBlockTypes.enumerated() {
      let level = last - index
      let own = channels[level]
      let joined = below + 2 * config.layersPerBlock * own + channels[max(level - 1, 0)]
      let stages = (config.layersPerBlock + 1) * stage(own, attention: type == .attentionUp)
      inner.append((joined + stages + (level > 0 ? 4 * own : 0)) * pixels(level))
      if recomputing { kept += below * pixels(level) }
      below = own
    }
    let floats = kept + (recomputing ? inner.max() ?? 0 : inner.reduce(0, +))
    return floats * MemoryLayout<Float>.stride
  }

  /// Bytes of memory that `predict` takes for each image beside the weights, nearly: the skips, and
  /// at each resolution what a stage of the way up holds at once. An arena keeps tensors of one size
  /// for the next of that size, so resolutions add up.
  public var predictionBytes: Int {
    let channels = config.blockOutChannels
    let last = channels.count - 1
    var floats = 0
    for level in channels.indices {
      let (own, below) = (channels[level], channels[min(level + 1, last)])
      let attention = config.upBlockTypes[last - level] == .attentionUp ? 5 * own : 0
      // Skips, the joined input twice (normalised), and hidden, output, shortcut of its resnet.
      let held =
        (config.layersPerBlock + 1) * own + 2 * (max(own, below) + own) + 3 * own + attention
      floats += held * (config.sampleSize >> level) * (config.sampleSize >> level)
    }
    return floats * MemoryLayout<Float>.stride
  }
}
