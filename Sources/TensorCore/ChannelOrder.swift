// Between the order of our tensors, N×H×W×C, and that of most files, N×C×H×W.

/// x (N×H×W×C) = `values` (N×C×H×W).
public func copy(channelsFirst values: UnsafeBufferPointer<Float>, into x: Tensor) {
  precondition(values.count == x.count, "operands differ in size")
  let elements = unsafe x.elements
  x.shape.forEachElement { ours, theirs in unsafe elements[ours] = values[theirs] }
}

/// `values` (N×C×H×W) = x (N×H×W×C).
public func copy(_ x: Tensor, channelsFirst values: UnsafeMutableBufferPointer<Float>) {
  precondition(values.count == x.count, "operands differ in size")
  let elements = unsafe x.elements
  x.shape.forEachElement { ours, theirs in unsafe values[theirs] = elements[ours] }
}

extension Shape {
  /// Calls `body` with each element's index in N×H×W×C and in N×C×H×W.
  fileprivate func forEachElement(_ body: (_ channelsLast: Int, _ channelsFirst: Int) -> Void) {
    for image in 0..<n {
      for pixel in 0..<h * w {
        for channel in 0..<c {
          body((image * h * w + pixel) * c + channel, (image * c + channel) * h * w + pixel)
        }
      }
    }
  }
}
