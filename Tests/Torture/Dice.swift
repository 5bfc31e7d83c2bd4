/// Random choices from a seed (SplitMix64; Steele, Lea and Flood, 2014).
struct Dice: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }

  /// True with that probability.
  mutating func chance(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &self) < probability
  }

  mutating func microseconds(_ range: ClosedRange<Int>) -> Duration {
    .microseconds(Int.random(in: range, using: &self))
  }

  /// One of `weighted`, as often as its weight says.
  mutating func pick<Value>(_ weighted: [(value: Value, weight: Int)]) -> Value {
    var rest = Int.random(in: 0..<weighted.reduce(0) { $0 + $1.weight }, using: &self)
    for (value, weight) in weighted {
      if rest < weight { return value }
      rest -= weight
    }
    preconditionFailure("the weights add up to more than their sum")
  }
}
