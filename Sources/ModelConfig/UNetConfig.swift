/// The architecture of a U-Net, with the keys and the defaults of diffusers' `UNet2DModel` config.
public struct UNetConfig: Equatable, Sendable {
  /// Height and width of an image in pixels.
  public var sampleSize = 32
  /// Channels of an image.
  public var inChannels = 3
  /// `inChannels`; twice as many for a learned variance, the predictions' channels first.
  public var outChannels = 3
  /// Adds `2x − 1` before the first convolution.
  public var centerInputSample = false
  /// Shift of the frequencies of the timestep embedding: 0 or 1.
  public var freqShift = 0
  /// `[cos, sin]` instead of `[sin, cos]` in the timestep embedding.
  public var flipSinToCos = true
  /// From full resolution down.
  public var downBlockTypes: [DownBlockType] = []
  /// From the lowest resolution up.
  public var upBlockTypes: [UpBlockType] = []
  /// Output channels of each down block.
  public var blockOutChannels: [Int] = []
  /// Resnets in each down block; an up block has one more.
  public var layersPerBlock = 2
  /// Divides the residual sums of the mid block.
  public var midBlockScaleFactor = 1.0
  /// 0 pads right and bottom by one; 1 pads all sides.
  public var downsamplePadding = 1
  /// Probability of dropout in every resnet.
  public var dropout = 0.0
  /// Channels of one attention head; nil is one head over all channels.
  public var attentionHeadDim: Int? = 8
  /// Groups of every group norm.
  public var normNumGroups = 32
  /// ε of every group norm.
  public var normEps = 1e-5
  /// How the timestep enters a resnet.
  public var resnetTimeScaleShift = TimeScaleShift.default
  /// Whether the mid block has attention.
  public var addAttention = true
  /// Classes that the network knows, one row of `class_embedding.weight` each; nil is a network
  /// without classes.
  public var numClassEmbeds: Int?

  /// diffusers' defaults, without blocks.
  public init() {}
}

/// A block on the way down: resnets, attention after each if it is an `Attn` block, downsampling.
public enum DownBlockType: String, CaseIterable, Sendable {
  case down = "DownBlock2D"
  case attentionDown = "AttnDownBlock2D"
}

/// A block on the way up, the mirror of `DownBlockType`.
public enum UpBlockType: String, CaseIterable, Sendable {
  case up = "UpBlock2D"
  case attentionUp = "AttnUpBlock2D"
}

/// How the timestep enters a resnet block: added, or as a scale and a shift after the second norm.
public enum TimeScaleShift: String, CaseIterable, Sendable {
  case `default`
  case scaleShift = "scale_shift"
}
