/// Telling folders that are a pipeline of one `UNet2DModel` and a scheduler from all others, and
/// saying what was found instead.

import GuardedFiles
import StrictJSON

extension FileAccess {
  /// Throws unless the folder has the configs of a network and of a scheduler, and its
  /// `model_index.json`, if it has one, names no part beside them: what a pipeline with an
  /// autoencoder or a text encoder calls its network does not make an image alone.
  func requirePipeline(_ path: String) throws(ModelFileError) {
    let index = try pipelineIndex(path)
    if let index {
      let parts = index.members.filter { key, value in
        !key.hasPrefix("_") && value.array.map { $0.contains { $0 != .null } } ?? false
      }
      let others = parts.map(\.key).filter { !["unet", "scheduler"].contains($0) }.sorted()
      let network = parts.first { $0.key == "unet" }?.value.array?.last?.string
      guard others.isEmpty, network ?? "UNet2DModel" == "UNet2DModel" else {
        let pipeline = index["_class_name"]?.string ?? "pipeline"
        let found =
          others.isEmpty
          ? "its unet is a \(network ?? "?")" : "it has \(others.joined(separator: ", ")) too"
        throw .unusable(
          path: path,
          problem: "it is a \(pipeline), and \(found); only a pipeline of a UNet2DModel and a"
            + " scheduler is supported")
      }
    }
    let network = try subfolder("unet", of: path) + "/config.json"
    let schedule = try subfolder("scheduler", of: path) + "/scheduler_config.json"
    guard try has(network), try has(schedule) else {
      throw .unusable(path: path, problem: try whyNoPipeline(path, network, schedule))
    }
  }

  private func pipelineIndex(_ path: String) throws(ModelFileError) -> JSONObject? {
    let file = path + "/model_index.json"
    guard try has(file) else { return nil }
    let bytes = try read(file)
    guard let index = try? JSONValue(parsing: bytes).object else {
      throw .unusable(path: file, problem: "it is not a JSON object")
    }
    return index
  }

  /// What is wrong with a folder that lacks a config, and where the right one may be.
  private func whyNoPipeline(
    _ path: String, _ network: String, _ schedule: String
  ) throws(ModelFileError) -> String {
    guard try has(path) else { return "there is no such folder" }
    let parent = "/" + path.split(separator: "/").dropLast().joined(separator: "/")
    if (try? has(parent + "/model_index.json")) == true {
      return "it is a part of the diffusers pipeline folder \(parent); use that"
    }
    if try has(network) {
      return "it has a network's config, but no scheduler_config.json beside it or in scheduler/;"
        + " save the whole pipeline"
    }
    var missing: [String] = []
    for name in ["model_index.json", "unet/config.json", "scheduler/scheduler_config.json"]
    where try !has("\(path)/\(name)") {
      missing.append(name)
    }
    let names: [String]
    do {
      names = try folder(path).entries().map(\.name).sorted()
    } catch {
      return "it is not a folder"
    }
    let rest = names.count > 5 ? " and \(names.count - 5) more" : ""
    let found = names.isEmpty ? "nothing" : names.prefix(5).joined(separator: ", ") + rest
    return "it is not a diffusers pipeline folder: it has no "
      + missing.joined(separator: ", no ") + "; found was \(found)"
  }
}
