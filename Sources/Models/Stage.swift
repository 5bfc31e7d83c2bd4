internal import ModelConfig
internal import TensorCore

/// A resnet block and the attention that may follow it: the unit that blocks are made of.
struct Stage {
  private let resnet: ResnetBlock
  private let attention: AttentionBlock?

  struct Activations {
    let resnet: ResnetBlock.Activations
    let attention: AttentionBlock.Activations?
  }

  init(_ resnet: ResnetBlock, _ attention: AttentionBlock?) {
    self.resnet = resnet
    self.attention = attention
  }

  /// What a forward pass of so many pixels costs.
  func operations(pixels: Int) -> OperationCount {
    resnet.operations(pixels: pixels)
      + (attention?.operations(pixels: pixels) ?? OperationCount())
  }

  /// x: N×H×W×I; returns N×H×W×O, with activations if `keeping`.
  func forward(_ x: Tensor, embedding: Tensor, _ pass: Pass, keeping: Bool) -> (
    Tensor, Activations?
  ) {
    let (h, resnetSaved) = resnet.forward(x, embedding: embedding, pass)
    let (y, attentionSaved) = attention.map { $0.forward(h, pass) } ?? (h, nil)
    if keeping { return (y, Activations(resnet: resnetSaved, attention: attentionSaved)) }
    resnetSaved.recycle(pass.arena)
    if let attentionSaved {
      attentionSaved.recycle(pass.arena)
      pass.arena.recycle(h)
    }
    return (y, nil)
  }

  /// Takes dy over and returns dx; see `ResnetBlock.backward`.
  func backward(
    _ dy: Tensor, _ saved: Activations, embedding: Tensor, embeddingGradient: Tensor, _ pass: Pass
  ) -> Tensor {
    var gradient = dy
    if let attention, let attentionSaved = saved.attention {
      gradient = attention.backward(gradient, attentionSaved, pass)
      pass.arena.recycle(attentionSaved.x)
    }
    return resnet.backward(
      gradient, saved.resnet, embedding: embedding, embeddingGradient: embeddingGradient, pass)
  }
}
