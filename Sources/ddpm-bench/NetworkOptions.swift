import ArgumentParser
import DurableIO
import ModelConfig
import StrictJSON

/// The network that a measurement is about.
struct NetworkOptions: ParsableArguments {
  @Option(help: "A U-Net's config.json, as diffusers writes it.")
  var config: String?

  @Option(help: "A preset: \(Preset.allCases.map(\.rawValue).joined(separator: ", ")).")
  var preset = Preset.fashionMNIST28.rawValue

  /// The network's architecture.
  func architecture() throws -> UNetConfig {
    if let config { return try UNetConfig(json: JSONValue(parsing: readFile(config))) }
    if let preset = Preset(rawValue: preset) { return preset.unet }
    let names = Preset.allCases.map(\.rawValue)
    let meant = nearest(to: preset, among: names).map { "; did you mean \"\($0)\"?" }
    throw ValidationError(
      "--preset \(preset): allowed is \(names.joined(separator: ", "))\(meant ?? "")")
  }
}
