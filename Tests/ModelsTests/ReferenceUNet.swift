import Glibc
import ModelConfig

/// diffusers' `UNet2DModel` forward in Double, written from its description and as naively as it
/// goes: what the layers and their gradients are checked against. It shares no code with the network
/// under test, not even the order of an array's elements.
///
/// Like a `state_dict`, `weights` says by its names what there is: shortcuts, attention, norms,
/// downsamplers and upsamplers.
struct ReferenceUNet {
  let config: UNetConfig
  /// By diffusers' names, in diffusers' order.
  let weights: [String: [Double]]
  /// What each resnet's activations are multiplied with, by the resnet's name.
  var dropoutMasks: [String: Planes] = [:]

  init(_ config: UNetConfig, _ weights: [String: [Double]]) {
    self.config = config
    self.weights = weights
  }

  private func weight(_ name: String) -> [Double] { weights[name] ?? [] }
  private func has(_ name: String) -> Bool { weights[name + ".weight"] != nil }

  // MARK: The network

  func output(_ x: Planes, timesteps: [Int], labels: [Int]? = nil) -> Planes {
    let time = timeEmbedding(timesteps)
    let embedding = silu(labels.map { time + classEmbedding($0, channels: time.c) } ?? time)
    let centered = config.centerInputSample ? x.map { 2 * $0 - 1 } : x
    var skips = [convolution("conv_in", centered)]
    for i in config.downBlockTypes.indices {
      skips += downBlock("down_blocks.\(i)", skips[skips.count - 1], embedding)
    }
    var h = midBlock(skips[skips.count - 1], embedding)
    for i in config.upBlockTypes.indices {
      let taken = Array(skips.suffix(config.layersPerBlock + 1))
      skips.removeLast(taken.count)
      h = upBlock("up_blocks.\(i)", h, skips: taken, embedding)
    }
    return convolution("conv_out", silu(groupNorm("conv_norm_out", h)))
  }

  /// The outputs that become skips, the last of which is the block's.
  func downBlock(_ name: String, _ x: Planes, _ embedding: Planes) -> [Planes] {
    var outputs: [Planes] = []
    for i in 0..<config.layersPerBlock {
      outputs.append(stage(name, i, outputs.last ?? x, embedding))
    }
    if has(name + ".downsamplers.0.conv") {
      outputs.append(
        convolution(
          name + ".downsamplers.0.conv", outputs.last ?? x, stride: 2,
          before: config.downsamplePadding))
    }
    return outputs
  }

  func midBlock(_ x: Planes, _ embedding: Planes) -> Planes {
    let scale = config.midBlockScaleFactor
    let middle = stage("mid_block", 0, x, embedding, scale: scale)
    return stage("mid_block", 1, middle, embedding, scale: scale)
  }

  /// `skips` are oldest first; the newest is taken first.
  func upBlock(_ name: String, _ x: Planes, skips: [Planes], _ embedding: Planes) -> Planes {
    var h = x
    for (i, skip) in skips.reversed().enumerated() {
      h = stage(name, i, .join(h, skip), embedding)
    }
    guard has(name + ".upsamplers.0.conv") else { return h }
    var large = Planes.zeros(h.n, h.c, 2 * h.h, 2 * h.w)
    for i in large.values.indices {
      let (plane, y, x) = (i / (4 * h.h * h.w), i / (2 * h.w) % (2 * h.h), i % (2 * h.w))
      large.values[i] = h.values[(plane * h.h + y / 2) * h.w + x / 2]
    }
    return convolution(name + ".upsamplers.0.conv", large)
  }

  private func stage(
    _ block: String, _ i: Int, _ x: Planes, _ embedding: Planes, scale: Double = 1
  ) -> Planes {
    let h = resnet("\(block).resnets.\(i)", x, embedding, scale: scale)
    let name = "\(block).attentions.\(i)"
    return has(name + ".to_q") ? attention(name, h, scale: scale) : h
  }

  // MARK: The blocks' parts

  /// `embedding` is already activated.
  func resnet(_ name: String, _ x: Planes, _ embedding: Planes, scale: Double = 1) -> Planes {
    var h = convolution(name + ".conv1", silu(groupNorm(name + ".norm1", x)))
    let time = linear(name + ".time_emb_proj", embedding)
    if config.resnetTimeScaleShift == .scaleShift {
      h = groupNorm(name + ".norm2", h)
      let (factors, shifts) = (time.channels(0..<h.c), time.channels(h.c..<2 * h.c))
      h = mapWithChannel(h) { $0 * (1 + factors.values[$1]) + shifts.values[$1] }
    } else {
      h = groupNorm(name + ".norm2", mapWithChannel(h) { $0 + time.values[$1] })
    }
    h = silu(h)
    if let mask = dropoutMasks[name] { h = h * mask }
    h = convolution(name + ".conv2", h)
    let skipped = has(name + ".conv_shortcut") ? linear(name + ".conv_shortcut", x) : x
    return (h + skipped).map { $0 / scale }
  }

  func attention(_ name: String, _ x: Planes, scale: Double = 1) -> Planes {
    let normal = has(name + ".group_norm") ? groupNorm(name + ".group_norm", x) : x
    let q = linear(name + ".to_q", normal).values
    let k = linear(name + ".to_k", normal).values
    let v = linear(name + ".to_v", normal).values
    let (dim, pixels) = (config.attentionHeadDim ?? x.c, x.h * x.w)
    var attended = Planes.zeros(x.n, x.c, x.h, x.w)
    for head in stride(from: 0, to: x.values.count, by: dim * pixels) {
      for query in head..<head + pixels {
        var scores = [Double](repeating: 0, count: pixels)
        for key in 0..<pixels {
          for j in stride(from: 0, to: dim * pixels, by: pixels) {
            scores[key] += q[query + j] * k[head + key + j] / Double(dim).squareRoot()
          }
        }
        let probabilities = scores.map { exp($0) }
        let sum = probabilities.reduce(0, +)
        for j in stride(from: 0, to: dim * pixels, by: pixels) {
          for key in 0..<pixels {
            attended.values[query + j] += probabilities[key] / sum * v[head + key + j]
          }
        }
      }
    }
    return (linear(name + ".to_out.0", attended) + x).map { $0 / scale }
  }

  func timeEmbedding(_ timesteps: [Int]) -> Planes {
    let half = config.blockOutChannels[0] / 2
    var sinusoids: [Double] = []
    for t in timesteps {
      let angles = (0..<half).map { i in
        Double(t) * exp(-log(10_000) * Double(i) / Double(half - config.freqShift))
      }
      let (sines, cosines) = (angles.map { sin($0) }, angles.map { cos($0) })
      sinusoids += config.flipSinToCos ? cosines + sines : sines + cosines
    }
    let embedding = Planes(timesteps.count, 2 * half, 1, 1, sinusoids)
    return linear("time_embedding.linear_2", silu(linear("time_embedding.linear_1", embedding)))
  }

  func classEmbedding(_ labels: [Int], channels: Int) -> Planes {
    let table = weight("class_embedding.weight")
    return Planes(
      labels.count, channels, 1, 1,
      labels.flatMap { table[$0 * channels..<($0 + 1) * channels] })
  }

  // MARK: The layers

  func silu(_ x: Planes) -> Planes { x.map { $0 / (1 + exp(-$0)) } }

  /// On the channels of every pixel.
  func linear(_ name: String, _ x: Planes) -> Planes { convolution(name, x, before: 0, after: 0) }

  /// The kernel's size follows from the weight's.
  func convolution(
    _ name: String, _ x: Planes, stride: Int = 1, before: Int = 1, after: Int = 1
  ) -> Planes {
    let (kernel, bias) = (weight(name + ".weight"), weight(name + ".bias"))
    let size = Int(Double(kernel.count / (bias.count * x.c)).squareRoot())
    let h = (x.h + before + after - size) / stride + 1
    let w = (x.w + before + after - size) / stride + 1
    var y = [Double](repeating: 0, count: x.n * bias.count * h * w)
    for plane in 0..<x.n * bias.count {
      let (image, output) = (plane / bias.count, plane % bias.count)
      for i in plane * h * w..<(plane + 1) * h * w { y[i] = bias[output] }
      for tap in 0..<x.c * size * size {
        let factor = kernel[output * x.c * size * size + tap]
        let from = (image * x.c + tap / (size * size)) * x.h
        let (dy, dx) = (tap / size % size - before, tap % size - before)
        for row in 0..<h where (0..<x.h).contains(row * stride + dy) {
          for column in 0..<w where column * stride + dx >= 0 && column * stride + dx < x.w {
            y[(plane * h + row) * w + column] +=
              factor * x.values[(from + row * stride + dy) * x.w + column * stride + dx]
          }
        }
      }
    }
    return Planes(x.n, bias.count, h, w, y)
  }

  func groupNorm(_ name: String, _ x: Planes) -> Planes {
    let (gamma, beta) = (weight(name + ".weight"), weight(name + ".bias"))
    let size = x.c / config.normNumGroups * x.h * x.w
    var y = x
    for first in stride(from: 0, to: x.values.count, by: size) {
      let group = x.values[first..<first + size]
      let mean = group.reduce(0, +) / Double(size)
      let variance = group.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(size)
      let deviation = (variance + config.normEps).squareRoot()
      for i in first..<first + size {
        let channel = i / (x.h * x.w) % x.c
        y.values[i] = (x.values[i] - mean) / deviation * gamma[channel] + beta[channel]
      }
    }
    return y
  }

  /// Each value with its place in N×C.
  private func mapWithChannel(_ x: Planes, _ body: (Double, Int) -> Double) -> Planes {
    x.with(x.values.enumerated().map { body($0.element, $0.offset / (x.h * x.w)) })
  }
}
