import TensorCore

/// Calls `body` with memory for a tensor of this shape, whose contents mean nothing.
func withScratch<Result>(_ shape: Shape, _ body: (Tensor) -> Result) -> Result {
  let memory = FloatBuffer(count: shape.count)
  return withExtendedLifetime(memory) { body(memory.tensor(at: 0, shape)) }
}

/// Copies channels `first` ..< `first` + C′ of every pixel of `x`.
///
/// - x: N×H×W×C.
/// - output: N×H×W×C′.
func copyChannels(from first: Int, of x: Tensor, into output: Tensor) {
  let (channels, kept) = (x.shape.c, output.shape.c)
  precondition(x.shape.rows == output.shape.rows, "shapes differ")
  precondition(first >= 0 && first + kept <= channels, "no such channels")
  let (source, destination) = unsafe (x.elements, output.elements)
  for pixel in 0..<output.shape.rows {
    for channel in 0..<kept {
      unsafe destination[pixel * kept + channel] = source[pixel * channels + first + channel]
    }
  }
}
