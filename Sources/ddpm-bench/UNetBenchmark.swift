import ArgumentParser
import Diffusion
import Glibc
import ModelConfig
import Models
import StrictJSON
import TensorCore
import Training

/// Images a second of one U-Net: forward passes as sampling makes them, and whole training steps
/// (noising, forward, loss, backward, clipping, Adam, average).
struct UNetBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unet", abstract: "Time forward passes and training steps of a U-Net.")

  @OptionGroup var network: NetworkOptions

  @Option(help: "Images in a batch.")
  var batch = 64

  @Option(help: "Threads; by default one a processor.")
  var threads = sysconf(Int32(_SC_NPROCESSORS_ONLN))

  @Option(name: .customLong("repeat"), help: "Measurements; the median counts.")
  var repetitions = 5

  @Flag(help: "Print the report on one line.")
  var json = false

  func validate() throws {
    guard batch > 0, threads > 0, repetitions > 0 else {
      throw ValidationError("--batch, --threads and --repeat are 1 or more")
    }
  }

  func run() throws {
    let unet = UNet(try network.architecture())
    let pool = ThreadPool(threads: threads)
    var recipe = TrainingRecipe(
      seed: 1, batchSize: batch, learningRate: LearningRateSchedule(peak: 2e-4))
    recipe.gradientClipping = 1
    recipe.average = ExponentialMovingAverage(decay: 0.9999)
    let trainer = Trainer(
      unet: unet, scheduler: SchedulerConfig(), recipe: recipe, pool: pool)

    let pixels = [UInt8](repeating: 127, count: batch * image(unet.config).count)
    let training = try median { _ = try trainer.train(pixels) }
    let forward = median { predict(trainer, pool, images: batch) }
    let single = median { predict(trainer, pool, images: 1) }
    var usage = rusage()
    unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)

    // By the definition of the layers, whatever a method saves; backward is twice forward.
    let operations = Double(unet.operations.total * batch) / 1e9
    let report: JSONObject = [
      "training_images_per_second": .double(Double(batch) / training),
      "forward_images_per_second": .double(Double(batch) / forward),
      "single_images_per_second": .double(1 / single),
      "training_gflop_per_second": .double((3 * operations / training).rounded()),
      "forward_gflop_per_second": .double((operations / forward).rounded()),
      "peak_megabytes": .integer(usage.ru_maxrss / 1024),
      "parameters": .integer(unet.layout.count), "batch": .integer(batch),
      "threads": .integer(threads), "kernels": .string(Kernels.inUse),
    ]
    print(JSONValue.object(report).serialized(pretty: !json))
  }

  private func image(_ config: UNetConfig) -> Shape {
    Shape(1, config.sampleSize, config.sampleSize, config.inChannels)
  }

  /// One step of a sampler's chain for `images` images.
  private func predict(_ trainer: Trainer, _ pool: ThreadPool, images: Int) {
    SamplingBatch(
      images: 0..<images, imageShape: image(trainer.unet.config),
      sampler: DDIMSampler(SchedulerConfig(), steps: 1, eta: 0), seed: 1,
      denoisers: trainer.denoisers(weights: trainer.weights), pool: pool
    ).advance()
  }

  /// Seconds that `work` takes, the median of the repetitions after one to warm up.
  private func median(_ work: () throws -> Void) rethrows -> Double {
    try work()
    var seconds: [Double] = []
    for _ in 0..<repetitions {
      seconds.append(try ContinuousClock().measure(work) / .seconds(1))
    }
    return seconds.sorted()[repetitions / 2]
  }
}
