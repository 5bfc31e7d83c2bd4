/// The product of natural numbers if it stays below about 2⁴⁸, so that sizes in bytes fit an Int.
func product(_ factors: [Int]) -> Int? {
  if factors.contains(0) { return 0 }
  var result = 1
  for factor in factors {
    guard factor < (1 << 48) / result + 1 else { return nil }
    result *= factor
  }
  return result
}
