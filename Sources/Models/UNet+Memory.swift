internal import ModelConfig

extension UNet {
  /// Bytes that `train` keeps of each image from the forward to the backward pass, nearly: what is
  /// small beside a feature map, and what lives for a moment only, is left out.
  public var activationBytes: Int {
    let channels = config.blockOutChannels
    let size = config.sampleSize
    func pixels(_ level: Int) -> Int { (size >> level) * (size >> level) }
    // A resnet block keeps its hidden map; attention its input, q, k, v and what was attended.
    func stage(_ channels: Int, attention: Bool) -> Int { channels * (attention ? 6 : 1) }

    var floats = (config.inChannels + channels[0]) * pixels(0)
    for (level, type) in config.downBlockTypes.enumerated() {
      let one = channels[level] + stage(channels[level], attention: type == .attentionDown)
      floats += config.layersPerBlock * one * pixels(level)
      if level < channels.count - 1 { floats += channels[level] * pixels(level + 1) }
    }
    let last = channels.count - 1
    floats +=
      (stage(channels[last], attention: config.addAttention) + 3 * channels[last]) * pixels(last)
    var below = channels[last]
    for (index, type) in config.upBlockTypes.enumerated() {
      let level = last - index
      let own = channels[level]
      let joined = below + 2 * config.layersPerBlock * own + channels[max(level - 1, 0)]
      let stages = (config.layersPerBlock + 1) * stage(own, attention: type == .attentionUp)
      floats += (joined + stages) * pixels(level)
      if level > 0 { floats += 4 * own * pixels(level) }
      below = own
    }
    floats += 2 * channels[0] * pixels(0)
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
