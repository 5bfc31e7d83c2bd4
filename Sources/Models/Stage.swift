internal import ModelConfig
internal import TensorCore

/// A resnet block and the attention that may follow it: the unit that blocks are made of.
struct Stage {
  private let resnet: ResnetBlock
  private let attention: AttentionBlock?

  struct Activations {
    let x: Tensor
    /// Nil where they are made again on the way back.
    let inner: Inner?

    struct Inner {
      let resnet: ResnetBlock.Activations
      let attention: AttentionBlock.Activations?
    }
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

  /// x: N×H×W×I; returns N×H×W×O, with what the backward pass needs.
  func forward(_ x: Tensor, embedding: Tensor, _ pass: Pass, keeping: Keeping) -> (
    Tensor, Activations?
  ) {
    let (h, resnetSaved) = resnet.forward(x, embedding: embedding, pass)
    let (y, attentionSaved) = attention.map { $0.forward(h, pass) } ?? (h, nil)
    if keeping == .activations {
      let inner = Activations.Inner(resnet: resnetSaved, attention: attentionSaved)
      return (y, Activations(x: x, inner: inner))
    }
    resnetSaved.recycle(pass.arena)
    if let attentionSaved {
      attentionSaved.recycle(pass.arena)
      pass.arena.recycle(h)
    }
    return (y, keeping == .inputs ? Activations(x: x, inner: nil) : nil)
  }

  /// Takes dy over and returns dx; see `ResnetBlock.backward`.
  func backward(
    _ dy: Tensor, _ saved: Activations, embedding: Tensor, embeddingGradient: Tensor, _ pass: Pass
  ) -> Tensor {
    let inner = saved.inner ?? activations(saved.x, embedding: embedding, pass)
    var gradient = dy
    if let attention, let attentionSaved = inner.attention {
      gradient = attention.backward(gradient, attentionSaved, pass)
      pass.arena.recycle(attentionSaved.x)
    }
    return resnet.backward(
      gradient, inner.resnet, embedding: embedding, embeddingGradient: embeddingGradient, pass)
  }

  /// What `forward` did not keep, made again.
  private func activations(
    _ x: Tensor, embedding: Tensor, _ pass: Pass
  ) -> Activations.Inner {
    let (h, resnetSaved) = resnet.forward(x, embedding: embedding, pass)
    let attended = attention.map { $0.forward(h, pass) }
    pass.arena.recycle(attended?.0 ?? h)
    return Activations.Inner(resnet: resnetSaved, attention: attended?.1)
  }
}
