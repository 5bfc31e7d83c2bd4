import ArgumentParser
import Models
import StrictJSON
import TensorCore
import Training

/// Where the time of a U-Net goes: one thread's forward passes and training passes, by kind of
/// operation or by each operation's shape.
struct ProfileBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "profile", abstract: "Show the time by kind of layer.")

  @OptionGroup var network: NetworkOptions

  @Option(help: "Images in a pass.")
  var images = 8

  @Option(name: .customLong("repeat"), help: "Passes, of which the medians are shown.")
  var repetitions = 5

  @Flag(help: "A line for each shape, not for each kind.")
  var shapes = false

  func validate() throws {
    guard images > 0, repetitions > 0 else {
      throw ValidationError("--images and --repeat are 1 or more")
    }
  }

  func run() throws {
    let passes = TrialPasses(UNet(try network.architecture()), images: images)
    print("\(images) images a pass, one thread, \(Kernels.inUse) kernels")
    show("forward", measure { passes.predict($0) })
    show("training", measure { passes.train($0) })
  }

  /// The profiles of the repetitions after one pass to warm up, each with its whole time.
  private func measure(_ pass: (Profile) -> Void) -> [(profile: Profile, seconds: Double)] {
    pass(Profile())
    return (0..<repetitions).map { _ in
      let profile = Profile()
      return (profile, ContinuousClock().measure { pass(profile) } / .seconds(1))
    }
  }

  /// Shows the medians of the passes, each row's own: one that was interrupted does not count.
  private func show(_ title: String, _ passes: [(profile: Profile, seconds: Double)]) {
    let milliseconds = 1000 / Double(images)
    let whole = median(passes.map(\.seconds))
    print("\n\(title): \(rounded(whole * milliseconds, 2)) ms an image")
    var rows: [String: (seconds: [Double], operations: Double)] = [:]
    for pass in passes {
      var seconds = ["everything else": pass.seconds]
      var operations: [String: Double] = [:]
      for (operation, entry) in pass.profile.entries {
        let row = shapes ? operation.description : operation.kindDescription
        seconds[row, default: 0] += entry.seconds
        seconds["everything else", default: 0] -= entry.seconds
        operations[row, default: 0] += operation.flops * Double(entry.calls)
      }
      for (row, seconds) in seconds {
        rows[row, default: ([], 0)].seconds.append(seconds)
        rows[row]?.operations = operations[row] ?? 0
      }
    }
    let medians = rows.map { (name: $0, seconds: median($1.seconds), operations: $1.operations) }
    for row in medians.sorted(by: { $0.seconds > $1.seconds }) {
      let share = rounded(100 * row.seconds / whole, 1)
      let speed = row.operations > 0 ? "\(Int(row.operations / row.seconds / 1e9)) GFLOP/s" : ""
      print(
        padded("\(rounded(row.seconds * milliseconds, 3)) ms", 12) + padded("\(share) %", 9)
          + padded(speed, 14) + "  " + row.name)
    }
  }

  private func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  private func rounded(_ value: Double, _ digits: Int) -> Double {
    let scale = (0..<digits).reduce(1.0) { product, _ in product * 10 }
    return (value * scale).rounded() / scale
  }

  private func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
