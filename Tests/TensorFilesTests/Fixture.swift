import TensorFiles

/// The path of a file made by Fixtures/make.py.
func fixture(_ name: String) -> String {
  #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    .joined(separator: "/") + "/Fixtures/" + name
}

/// The values make.py gives the tensor number `k`.
func values(_ k: Int, count: Int) -> [Float] {
  (0..<count).map { Float($0 - 2) / Float(1 << k) }
}

extension SafetensorsFile {
  func floats(_ name: String) throws(TensorFileError) -> [Float] {
    var result = [Float](repeating: .nan, count: entry(name)?.count ?? 0)
    try unsafe result.withUnsafeMutableBufferPointer { buffer throws(TensorFileError) in
      try unsafe read(name, into: buffer)
    }
    return result
  }
}

extension NpyFile {
  func elements<Element: NpyElement & AdditiveArithmetic>(
    _ range: Range<Int>, of: Element.Type
  ) throws(TensorFileError) -> [Element] {
    var result = [Element](repeating: .zero, count: range.count)
    try unsafe result.withUnsafeMutableBufferPointer { buffer throws(TensorFileError) in
      try unsafe read(from: range.lowerBound, into: buffer)
    }
    return result
  }
}
