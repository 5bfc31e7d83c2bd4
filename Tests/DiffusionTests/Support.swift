import Diffusion
import Glibc
import TensorCore

/// ε_θ for data x₀ ~ N(m, s²), element by element, in closed form:
/// E[ε | xₜ] = √(1−ᾱₜ) (xₜ − √ᾱₜ m) / (ᾱₜ s² + 1 − ᾱₜ).
struct NormalDataDenoiser: Denoiser {
  var schedule: NoiseSchedule
  var mean: Double
  var deviation: Double

  func predict(_ x: Tensor, timesteps: [Int], labels: [Int]?, into output: Tensor) {
    for n in 0..<x.shape.n {
      let alphaBar = schedule.alphaBar[timesteps[n] + 1]
      let scale =
        (1 - alphaBar).squareRoot() / (alphaBar * deviation * deviation + 1 - alphaBar)
      let (input, result) = (x.images(n..<n + 1), output.images(n..<n + 1))
      for i in 0..<input.count {
        unsafe result.elements[i] = Float(
          scale * (Double(input.elements[i]) - alphaBar.squareRoot() * mean))
      }
    }
  }
}

func exponential(_ x: Double) -> Double { exp(x) }

/// The largest difference of two elements.
func distance(_ a: Tensor, _ b: Tensor) -> Float {
  unsafe zip(a.elements, b.elements).map { abs($0 - $1) }.max() ?? 0
}

func meanAndVariance(_ x: Tensor) -> (mean: Double, variance: Double) {
  let values = unsafe x.elements.map(Double.init)
  let mean = values.reduce(0, +) / Double(values.count)
  let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
  return (mean, variance)
}
