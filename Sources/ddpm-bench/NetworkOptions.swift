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
    guard let preset = Preset(rawValue: preset) else {
      throw ValidationError("--preset is one of \(Preset.allCases.map(\.rawValue))")
    }
    return preset.unet
  }
}
