internal import CKernels

/// Philox4x32-10 (Salmon et al. 2011): random numbers as a pure function of where they are used.
///
/// The seed is the key; stream, step and image are the counter. No generator state exists, so none
/// can be lost, and the numbers are the same for any order of drawing, number of threads and
/// instruction set.
public struct Philox: Sendable, Equatable {
  private let seed: UInt64
  private let stream: UInt32

  /// The generator of one purpose (`stream`) of a job (`seed`).
  public init(seed: UInt64, stream: UInt32) {
    self.seed = seed
    self.stream = stream
  }

  /// Fills `x` with independent samples of N(0, 1), by Box and Muller's transform.
  public func fillNormal(
    _ x: Tensor, step: UInt32, image: UInt32, using kernels: Kernels = .active
  ) {
    unsafe kernels.functions.philox_normal(counter(step, image), x.base, Int64(x.count))
  }

  /// Fills `x` with independent samples of the uniform distribution on [0, 1).
  public func fillUniform(
    _ x: Tensor, step: UInt32, image: UInt32, using kernels: Kernels = .active
  ) {
    unsafe kernels.functions.philox_uniform(counter(step, image), x.base, Int64(x.count))
  }

  /// A number of 0 ..< `bound`, uniform to one part in 2⁶⁴/`bound`.
  public func integer(below bound: Int, step: UInt32, image: UInt32) -> Int {
    precondition(bound > 0, "an empty range has no random element")
    let words = words(count: 2, step: step, image: image)
    let bits = UInt64(words[0]) << 32 | UInt64(words[1])
    return Int(UInt64(bound).multipliedFullWidth(by: bits).high)
  }

  /// The first `count` raw words of the generator at this counter.
  public func words(
    count: Int, step: UInt32, image: UInt32, using kernels: Kernels = .active
  ) -> [UInt32] {
    unsafe [UInt32](unsafeUninitializedCapacity: count) { buffer, initialized in
      guard let base = buffer.baseAddress else { return }
      unsafe kernels.functions.philox_bits(counter(step, image), base, Int64(count))
      initialized = count
    }
  }

  /// Dropout (Srivastava et al. 2014) in place: elements are zeroed with `probability`, the others
  /// scaled by 1/(1 − probability). The same arguments give the same mask, so the backward pass
  /// applies this function to the gradient and no mask is stored.
  public func dropOut(
    _ x: Tensor, probability: Double, step: UInt32, image: UInt32, using kernels: Kernels = .active
  ) {
    precondition((0..<1).contains(probability), "a dropout probability is in [0, 1)")
    unsafe kernels.functions.dropout(
      counter(step, image), x.base, Int64(x.count), UInt32(probability * 0x1p32),
      Float(1 / (1 - probability)))
  }

  private func counter(_ step: UInt32, _ image: UInt32) -> ddpm_philox {
    ddpm_philox(
      key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)),
      image: image, step: step, stream: stream)
  }
}
