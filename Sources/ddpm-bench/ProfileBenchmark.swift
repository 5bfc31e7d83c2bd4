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

  @Option(name: .customLong("repeat"), help: "Passes that are added up.")
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

  /// The profile of the repetitions after one pass to warm up, and their whole time.
  private func measure(_ pass: (Profile) -> Void) -> (Profile, seconds: Double) {
    pass(Profile())
    let profile = Profile()
    let time = ContinuousClock().measure { for _ in 0..<repetitions { pass(profile) } }
    return (profile, time / .seconds(1))
  }

  private func show(_ title: String, _ measured: (profile: Profile, seconds: Double)) {
    let milliseconds = 1000 / Double(repetitions * images)
    print("\n\(title): \(rounded(measured.seconds * milliseconds, 2)) ms an image")
    var rows: [String: (seconds: Double, operations: Double)] = [:]
    for (operation, entry) in measured.profile.entries {
      let row = shapes ? operation.description : operation.kindDescription
      rows[row, default: (0, 0)].seconds += entry.seconds
      rows[row, default: (0, 0)].operations += operation.flops * Double(entry.calls)
    }
    let known = rows.values.reduce(0) { $0 + $1.seconds }
    rows["everything else"] = (measured.seconds - known, 0)
    for (name, row) in rows.sorted(by: { $0.value.seconds > $1.value.seconds }) {
      let share = rounded(100 * row.seconds / measured.seconds, 1)
      let speed =
        row.operations > 0 ? "\(Int(row.operations / row.seconds / 1e9)) GFLOP/s" : ""
      print(
        padded("\(rounded(row.seconds * milliseconds, 3)) ms", 12) + padded("\(share) %", 9)
          + padded(speed, 14) + "  " + name)
    }
  }

  private func rounded(_ value: Double, _ digits: Int) -> Double {
    let scale = (0..<digits).reduce(1.0) { product, _ in product * 10 }
    return (value * scale).rounded() / scale
  }

  private func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
