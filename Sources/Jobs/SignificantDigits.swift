import Glibc

/// A number with so many significant digits, without an exponent where it needs none.
public func significant(_ value: Double, digits: Int) -> String {
  guard value.isFinite, value != 0 else { return "\(value)" }
  guard abs(value) < 1e6, abs(value) >= 1e-6 else {
    let exponent = Int(log10(abs(value)).rounded(.down))
    return "\(significant(value / pow(10, Double(exponent)), digits: digits))e\(exponent)"
  }
  // The power of ten of the last digit that is shown.
  var power = 1 - digits
  var scale = 1.0
  while abs(value) >= scale * 10 { (scale, power) = (scale * 10, power + 1) }
  while abs(value) < scale { (scale, power) = (scale / 10, power - 1) }
  if power >= 0 { return "\(Int(value.rounded()))" }
  let unit = (0..<(-power)).reduce(1) { unit, _ in unit * 10 }
  let rounded = Int((abs(value) * Double(unit)).rounded())
  let fraction = String(String(rounded % unit + unit).dropFirst())
  return "\(value < 0 ? "-" : "")\(rounded / unit).\(fraction)"
}
