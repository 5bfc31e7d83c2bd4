/// Names that stand for a published architecture: `"preset": "cifar10-32"` in the section `unet`
/// or `scheduler` of a job file. Further keys of the section override the preset's.
public enum Preset: String, CaseIterable, Sendable {
  /// 1,707,009 parameters for 28×28 grey images.
  case fashionMNIST28 = "fashion-mnist-28"
  /// The CIFAR-10 network of Ho et al. (2020), 35,746,307 parameters, for 32×32 colour images.
  case cifar10 = "cifar10-32"

  /// The preset's network.
  public var unet: UNetConfig {
    var config = UNetConfig()
    switch self {
    case .fashionMNIST28:
      config.sampleSize = 28
      config.inChannels = 1
      config.outChannels = 1
      config.blockOutChannels = [32, 64, 64]
      config.downBlockTypes = [.down, .attentionDown, .attentionDown]
      config.upBlockTypes = [.attentionUp, .attentionUp, .up]
      config.normNumGroups = 8
      config.attentionHeadDim = 8
    case .cifar10:
      config.sampleSize = 32
      config.blockOutChannels = [128, 256, 256, 256]
      config.downBlockTypes = [.down, .attentionDown, .down, .down]
      config.upBlockTypes = [.up, .up, .attentionUp, .up]
      config.attentionHeadDim = nil
      config.downsamplePadding = 0
      config.flipSinToCos = false
      config.freqShift = 1
      config.normEps = 1e-6
    }
    return config
  }

  /// The preset's noise schedule.
  public var scheduler: SchedulerConfig {
    var config = SchedulerConfig()
    switch self {
    case .fashionMNIST28: config.varianceType = .fixedSmall
    case .cifar10: config.varianceType = .fixedLarge
    }
    return config
  }
}
