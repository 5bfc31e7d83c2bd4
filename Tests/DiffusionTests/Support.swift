import Diffusion
import Glibc
import ModelConfig
import TensorCore

/// The best denoiser for data x₀ ~ N(m, s²), element by element, in closed form:
/// E[x₀ | xₜ] = m + √ᾱₜ s² (xₜ − √ᾱₜ m) / (ᾱₜ s² + 1 − ᾱₜ), and E[ε | xₜ] likewise.
struct NormalDataDenoiser: Denoiser {
  var schedule: NoiseSchedule
  var mean: Double
  var deviation: Double
  var type = PredictionType.epsilon
  /// What an output with a learned variance says of every pixel.
  var variance: Float?

  func predict(_ x: Tensor, timesteps: [Int], labels: [Int]?, into output: Tensor) {
    let stride = variance == nil ? 1 : 2
    precondition(output.count == stride * x.count && (stride == 1 || x.shape.c == 1))
    for n in 0..<x.shape.n {
      let alphaBar = schedule.alphaBar[timesteps[n] + 1]
      let (signal, noise) = (alphaBar.squareRoot(), (1 - alphaBar).squareRoot())
      let variance = deviation * deviation
      let (input, result) = (x.images(n..<n + 1), output.images(n..<n + 1))
      for i in 0..<input.count {
        let surprise =
          (Double(unsafe input.elements[i]) - signal * mean) / (alphaBar * variance + 1 - alphaBar)
        let (data, epsilon) = (mean + signal * variance * surprise, noise * surprise)
        let prediction =
          switch type {
          case .epsilon: epsilon
          case .sample: data
          case .velocity: signal * epsilon - noise * data
          }
        unsafe result.elements[stride * i] = Float(prediction)
        if let learned = self.variance { unsafe result.elements[2 * i + 1] = learned }
      }
    }
  }
}

func exponential(_ x: Double) -> Double { exp(x) }

func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }

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
