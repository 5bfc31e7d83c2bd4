import FoundationEssentials
import ModelConfig
import Models
import StrictJSON
import TensorCore
import TensorFiles
import Testing

/// A U-Net that diffusers made, and what PyTorch computed with it: see Fixtures/make_fixtures.py.
struct Golden {
  static let names = ["plain", "scale-shift", "one-head", "deep", "wide", "classes"]

  let unet: UNet
  private let file: SafetensorsFile

  init(_ name: String) throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    let text = try Data(contentsOf: folder.appending(path: name + ".json"))
    guard case .object(var object) = try JSONValue(parsing: Array(text)) else {
      throw Missing(what: "an object in \(name).json")
    }
    // A job's network predicts the noise of its input; the network itself may have other outputs.
    let outputs = try #require(object["out_channels"]?.int)
    object["out_channels"] = object["in_channels"]
    var config = try UNetConfig(json: .object(object))
    config.outChannels = outputs
    unet = UNet(config)
    file = try SafetensorsFile(path: folder.appending(path: name + ".safetensors").path)
  }

  /// The shapes of the tensors that are called `prefix` and something, by that.
  func shapes(_ prefix: String) -> [String: [Int]] {
    var shapes: [String: [Int]] = [:]
    for entry in file.entries where entry.name.hasPrefix(prefix) {
      shapes[String(entry.name.dropFirst(prefix.count))] = entry.shape
    }
    return shapes
  }

  func values(_ name: String) throws -> [Float] {
    guard let entry = file.entry(name) else { throw Missing(what: name) }
    var values = [Float](repeating: .nan, count: entry.count)
    try unsafe values.withUnsafeMutableBufferPointer { buffer throws(TensorFileError) in
      try unsafe file.read(name, into: buffer)
    }
    return values
  }

  /// A tensor in PyTorch's order.
  func planes(_ name: String) throws -> Planes {
    guard let s = file.entry(name)?.shape, s.count == 4 else { throw Missing(what: name) }
    return Planes(s[0], s[1], s[2], s[3], try values(name).map(Double.init))
  }

  func timesteps() throws -> [Int] { try values("timesteps").map { Int($0) } }

  /// Nil for a network without classes.
  func labels() throws -> [Int]? {
    try unet.config.numClassEmbeds.map { _ in try values("labels").map { Int($0) } }
  }

  func loadWeights(into flat: Tensor) throws {
    for parameter in unet.layout.parameters {
      let values = try values("weight." + parameter.name)
      unsafe values.withUnsafeBufferPointer {
        unsafe unet.layout.load(parameter, from: $0, into: flat)
      }
    }
  }

  private struct Missing: Error {
    let what: String
  }
}
