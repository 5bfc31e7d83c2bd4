/// Which files of a folder hold a network's parameters: `diffusion_pytorch_model.safetensors`, or
/// the index of its shards, or one variant of these such as `diffusion_pytorch_model.fp16.safetensors`
/// if only that is there. Pickles, which run code when they are opened, are refused.

import DurableIO
import GuardedFiles
import StrictJSON

/// The safetensors files of one network.
struct WeightFiles: Sendable {
  /// The file with all tensors, or the index of shards and then the shards.
  let paths: [String]
  /// The shard that each tensor is in by the index; nil where one file has all.
  let shards: [String: String]?

  /// The files with tensors.
  var tensorPaths: [String] { shards == nil ? paths : Array(paths.dropFirst()) }

  /// What diffusers calls the file when nobody asks for a variant.
  static let name = base + ".safetensors"

  private static let base = "diffusion_pytorch_model"
  private static let indexLimit = 16 << 20

  /// Finds the files in `folder`.
  init(in folder: String, _ access: FileAccess) throws(ModelFileError) {
    let names: [String]
    do {
      names = try access.folder(folder).entries().map(\.name)
    } catch {
      throw .system(error)
    }
    let sets = names.filter(Self.isWhole)
    let indices = names.filter(Self.isIndex)
    let plain = [Self.name, Self.name + ".index.json"].first(where: names.contains)
    let candidates = plain.map { [$0] } ?? (sets + indices).sorted()
    guard candidates.count < 2 else {
      throw .unusable(
        path: folder,
        problem: "it has \(candidates.joined(separator: " and ")); rename the one to be used to"
          + " \(Self.name)")
    }
    guard let name = candidates.first else {
      throw .unusable(path: folder, problem: Self.whyNone(names))
    }
    let path = "\(folder)/\(name)"
    guard Self.isIndex(name) else {
      (paths, shards) = ([path], nil)
      return
    }
    let map = try Self.index(path, access)
    paths = [path] + Set(map.values).sorted().map { "\(folder)/\($0)" }
    shards = map.mapValues { "\(folder)/\($0)" }
  }

  /// `diffusion_pytorch_model[.VARIANT].safetensors`
  private static func isWhole(_ name: String) -> Bool {
    name.hasPrefix(base + ".") && name.hasSuffix(".safetensors") && !name.contains("-of-")
  }

  /// `diffusion_pytorch_model.safetensors.index[.VARIANT].json`
  private static func isIndex(_ name: String) -> Bool {
    name.hasPrefix(base + ".safetensors.index.") && name.hasSuffix(".json")
  }

  /// Reads an index: which file each tensor is in.
  private static func index(
    _ path: String, _ access: FileAccess
  ) throws(ModelFileError) -> [String: String] {
    let bytes = try access.read(path, limit: indexLimit)
    guard let json = try? JSONValue(parsing: bytes), let map = json["weight_map"]?.object else {
      throw .unusable(path: path, problem: "it is not a JSON object with a \"weight_map\"")
    }
    var shards: [String: String] = [:]
    for (tensor, value) in map.members {
      guard let shard = value.string, shard.hasSuffix(".safetensors"), !shard.contains("/") else {
        throw .unusable(
          path: path,
          problem: "tensor \"\(tensor)\" is in \(value.serialized()), and only safetensors files"
            + " beside the index are read")
      }
      shards[tensor] = shard
    }
    return shards
  }

  private static func whyNone(_ names: [String]) -> String {
    let pickle = names.sorted().first { name in
      [".bin", ".bin.index.json", ".ckpt", ".pt", ".pth", ".pkl"].contains { name.hasSuffix($0) }
    }
    guard let pickle else {
      return "it has no \(name); save the model again with diffusers'"
        + " save_pretrained(folder, safe_serialization=True)"
    }
    return "\(pickle) is a pickle, which can run any code when it is opened, and is not read;"
      + " if you trust it, convert the pipeline's folder with diffusers in Python:"
      + " DDPMPipeline.from_pretrained(FOLDER, use_safetensors=False)"
      + ".save_pretrained(NEW_FOLDER, safe_serialization=True)"
  }
}
