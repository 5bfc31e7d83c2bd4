import DurableIO
import Glibc
import ModelConfig
import Models
import TensorCore
import TestSupport
import Testing
import Training

/// Training by Winograd's convolutions and by im2col: other roundings, the same curve.
@Suite struct LossCurveTests {
  @Test func bothWaysOfConvolvingGiveTheSameCurve() async throws {
    let folder = try TemporaryFolder()
    for method in ConvolutionMethod.allCases {
      // The way is chosen once a process.
      await #expect(processExitsWith: .success) {
        [method = method.rawValue as String, path = folder.path as String] in
        unsafe setenv("DDPM_CONVOLUTIONS", method, 1)
        try AtomicFile.write(Array(losses().joined(separator: "\n").utf8), to: path + "/" + method)
      }
    }
    let curves = try ConvolutionMethod.allCases.map {
      String(decoding: try readFile(folder($0.rawValue)), as: UTF8.self)
        .split(separator: "\n").compactMap { Double($0) }
    }
    #expect(curves[0].count == 60 && curves[0] != curves[1])
    for (a, b) in zip(curves[0], curves[1]) { #expect((a - b).magnitude < 1e-4 * a) }
    #expect(curves[0][59] < 0.5 * curves[0][0], "nothing was learnt")
  }
}

/// The losses of sixty steps of a network that Winograd's method takes.
private func losses() throws -> [String] {
  var config = tinyConfig
  config.blockOutChannels = [16, 32]
  let trainer = Trainer(
    unet: UNet(config), scheduler: SchedulerConfig(), recipe: recipe(), pool: ThreadPool(threads: 1)
  )
  return try (0..<60).map { _ in "\(try trainer.trainOnce().loss)" }
}
