/// Philox4x32-10, written from the paper's description (Salmon et al. 2011) and independent of the
/// kernels: one block at a time.
enum ReferencePhilox {
  typealias Block = SIMD4<UInt32>

  static func block(counter: Block, key: SIMD2<UInt32>) -> Block {
    var (c, k) = (counter, key)
    for _ in 0..<10 {
      let first = UInt64(0xD251_1F53) * UInt64(c[0])
      let second = UInt64(0xCD9E_8D57) * UInt64(c[2])
      c = Block(
        UInt32(second >> 32) ^ c[1] ^ k[0], UInt32(truncatingIfNeeded: second),
        UInt32(first >> 32) ^ c[3] ^ k[1], UInt32(truncatingIfNeeded: first))
      k &+= SIMD2(0x9E37_79B9, 0xBB67_AE85)
    }
    return c
  }

  /// The order in which `Philox` hands out words: of each 16 blocks the first words, then the
  /// second ones, and so on. It is part of what a seed means: results would change with it.
  static func words(
    count: Int, seed: UInt64, stream: UInt32, step: UInt32, image: UInt32
  ) -> [UInt32] {
    let key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(seed >> 32))
    var words: [UInt32] = []
    for first in stride(from: UInt32(0), to: UInt32(count + 3) / 4, by: 16) {
      let blocks = (first..<first + 16).map {
        block(counter: Block($0, image, step, stream), key: key)
      }
      for word in 0..<4 { words += blocks.map { $0[word] } }
    }
    return Array(words[..<count])
  }
}
