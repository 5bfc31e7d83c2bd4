public import TensorCore

/// Fills a part of an image: RePaint, Lugmayr et al. (2022), "RePaint: Inpainting using Denoising
/// Diffusion Probabilistic Models", Algorithm 1.
///
/// After every step of the sampler beneath, the known pixels are replaced by the image diffused to
/// where the chain is, √ᾱ x₀ + √(1−ᾱ) ε; at the end they are the image's own. So that both parts
/// agree, the chain goes back `jumpLength` steps by q again and again, `resampling` − 1 times from
/// every jumpLength-th place: with `jumpLength` 1 this is the loop over u = 1…U of Algorithm 1, with
/// more the jumps of the paper's section 4.2.
public struct InpaintingSampler: Sampler {
  private let base: any Sampler
  private let image: FloatBuffer
  private let isUnknown: [Bool]
  /// ᾱ after 0, 1, … steps of the sampler beneath; 1 after the last.
  private let alphaBar: [Double]
  private let visits: [Visit]

  /// One step of the walk.
  struct Visit: Equatable {
    /// The position of the sampler beneath.
    var position: Int
    /// Steps that the chain goes back afterwards.
    var jump: Int
  }

  /// Those of the sampler beneath, visited again and again.
  public let timesteps: [Int]

  /// - base: whose steps each depend on the state alone.
  /// - image: H·W·C, x₀; of unknown elements any number.
  /// - isUnknown: H·W·C, whether the element is to be filled.
  /// - resampling: how often each part of the chain is walked, 1 … .
  /// - jumpLength: the steps of such a part, 1 … the steps of the sampler.
  public init(
    _ base: any Sampler, schedule: NoiseSchedule, image: FloatBuffer, isUnknown: [Bool],
    resampling: Int, jumpLength: Int
  ) {
    precondition(image.count == isUnknown.count, "mask and image differ in size")
    precondition(base.carried == 0, "steps that depend on the one before cannot be walked again")
    self.base = base
    self.image = image
    self.isUnknown = isUnknown
    alphaBar = base.timesteps.map { schedule.alphaBar[$0 + 1] } + [1]
    visits = Self.walk(
      steps: base.timesteps.count, resampling: resampling, jumpLength: jumpLength)
    timesteps = visits.map { base.timesteps[$0.position] }
  }

  /// The walk over a chain of `steps` steps, with jumps from the places at which 1,
  /// 1 + jumpLength, 1 + 2 jumpLength, … steps are left.
  static func walk(steps: Int, resampling: Int, jumpLength: Int) -> [Visit] {
    precondition(resampling > 0 && jumpLength > 0, "a walk goes on")
    var jumps: [Int: Int] = [:]
    for left in stride(from: 1, through: steps - jumpLength, by: jumpLength) {
      jumps[left] = resampling - 1
    }
    var visits: [Visit] = []
    var left = steps
    while left > 0 {
      visits.append(Visit(position: steps - left, jump: 0))
      left -= 1
      if let jumpsLeft = jumps[left], jumpsLeft > 0 {
        jumps[left] = jumpsLeft - 1
        visits[visits.count - 1].jump = jumpLength
        left += jumpLength
      }
    }
    return visits
  }

  /// One step of the walk; see `Sampler`.
  public func update(
    _ x: Tensor, carried: [Tensor], at position: Int, prediction: Tensor,
    noise: (Tensor) -> Void
  ) {
    precondition(x.count == isUnknown.count, "one image at a time")
    let visit = visits[position]
    base.update(x, carried: [], at: visit.position, prediction: prediction, noise: noise)

    let next = alphaBar[visit.position + 1]
    let known = prediction.part(at: 0, x.shape)
    if next < 1 {
      noise(known)
      combine(
        Float(next.squareRoot()), image.all, Float((1 - next).squareRoot()), known, into: known)
    } else {
      copy(image.all, into: known)
    }
    for (i, isUnknown) in isUnknown.enumerated() where !isUnknown {
      unsafe x.elements[i] = known.elements[i]
    }

    guard visit.jump > 0 else { return }
    let signal = alphaBar[visit.position + 1 - visit.jump] / next
    let z = known
    noise(z)
    combine(Float(signal.squareRoot()), x, Float((1 - signal).squareRoot()), z, into: x)
  }
}
