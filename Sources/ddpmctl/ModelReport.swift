import DurableIO
import Jobs
import ModelConfig
import ModelFiles
import Models
import StrictJSON
import Training

/// What there is to say about a model without reading its weights.
struct ModelReport {
  private let folder: DiffusersFolder
  private let unet: UNet
  private let types: [(type: String, tensors: Int)]
  private let fileBytes: Int
  private let batchSize: Int
  private let threads: Int
  private let sampling: MemoryEstimate
  private let training: MemoryEstimate

  /// Reads the headers of the model's weights.
  init(of folder: DiffusersFolder, batchSize: Int, threads: Int) throws {
    self.folder = folder
    self.batchSize = batchSize
    self.threads = threads
    unet = UNet(folder.unet)
    types = try folder.storedTypes()
    fileBytes = try attempt {
      try folder.weightFiles.reduce(0) { try $0 + OpenFile(reading: $1).status().size }
    }
    sampling = MemoryEstimate(sampling: unet, images: batchSize, threads: threads)
    var recipe = TrainingRecipe(
      seed: 0, batchSize: batchSize, learningRate: LearningRateSchedule(peak: 1))
    recipe.average = ExponentialMovingAverage(decay: 0)
    training = MemoryEstimate(training: unet, recipe, threads: threads)
  }

  /// For scripts.
  var json: JSONValue {
    let operations = unet.operations
    return [
      "path": .string(folder.path),
      "parameters": .integer(unet.layout.count),
      "tensors": .integer(unet.layout.parameters.count),
      "types": .object(JSONObject(types.map { ($0.type, .integer($0.tensors)) })),
      "file_bytes": .integer(fileBytes),
      "blocks": .array(
        blocks.map { block in
          [
            "type": .string(block.type), "size": .integer(block.size),
            "channels": .integer(block.channels), "resnets": .integer(block.resnets),
            "attention_heads": .integer(block.heads),
          ]
        }),
      "forward_flop": .integer(operations.total),
      "attention_flop": .integer(operations.attention),
      "batch_size": .integer(batchSize), "threads": .integer(threads),
      "sampling_bytes": .integer(sampling.bytes), "training_bytes": .integer(training.bytes),
      "unet": folder.unet.json, "scheduler": folder.scheduler.json,
    ]
  }

  /// For people.
  var text: String {
    let config = folder.unet
    let operations = unet.operations
    let stored = types.map { types.count == 1 ? $0.type : "\($0.tensors) \($0.type)" }
    var facts = [
      [
        "Images",
        "\(config.sampleSize)×\(config.sampleSize), \(counted(config.inChannels, "channel"))",
      ],
      [
        "Network",
        "\(grouped(unet.layout.count)) parameters in \(unet.layout.parameters.count) tensors",
      ],
      [
        "Weights",
        "\(counted(folder.weightFiles.count, "file")), \(bytesText(fileBytes)),"
          + " \(stored.joined(separator: ", "))",
      ],
    ]
    if let classes = config.numClassEmbeds { facts.append(["Classes", "\(classes)"]) }
    facts += [
      ["Scheduler", schedulerText],
      [
        "Cost",
        "\(flopText(operations.total)) an image and step, \(flopText(operations.attention)) of it"
          + " in attention; in training three times that",
      ],
      [
        "Memory",
        "about \(bytesText(sampling.bytes)) to draw \(batchSize) images at once on"
          + " \(counted(threads, "thread")), \(bytesText(training.bytes)) to train on batches of"
          + " \(batchSize)",
      ],
    ]
    let rows = blocks.map { block in
      [
        block.type, "\(block.size)×\(block.size)", counted(block.channels, "channel"),
        counted(block.resnets, "resnet"),
        block.heads == 0
          ? "" : "attention, \(counted(block.heads, "head")) of \(block.channels / block.heads)",
      ]
    }
    return folder.path + "\n" + table(facts.map { ["  " + $0[0], $0[1]] }) + "\n\n"
      + table(rows.map { ["  " + $0[0]] + $0[1...] })
  }

  private struct Block {
    let type: String
    let size: Int
    let channels: Int
    let resnets: Int
    /// 0 without attention.
    let heads: Int
  }

  /// From the image down and up again.
  private var blocks: [Block] {
    let config = folder.unet
    let last = config.blockOutChannels.count - 1
    func block(_ type: String, level: Int, resnets: Int, attention: Bool) -> Block {
      let channels = config.blockOutChannels[level]
      return Block(
        type: type, size: config.sampleSize >> level, channels: channels, resnets: resnets,
        heads: attention ? channels / (config.attentionHeadDim ?? channels) : 0)
    }
    let down = config.downBlockTypes.enumerated().map { level, type in
      block(
        type.rawValue, level: level, resnets: config.layersPerBlock,
        attention: type == .attentionDown)
    }
    let up = config.upBlockTypes.enumerated().map { index, type in
      block(
        type.rawValue, level: last - index, resnets: config.layersPerBlock + 1,
        attention: type == .attentionUp)
    }
    let middle = block(
      "UNetMidBlock2D", level: last, resnets: 2, attention: config.addAttention)
    return down + [middle] + up
  }

  private var schedulerText: String {
    let json = folder.scheduler.json
    func value(_ key: String) -> String { json[key].map { $0.string ?? $0.serialized() } ?? "?" }
    let betas =
      json["trained_betas"] ?? .null == .null
      ? "\(value("beta_schedule")) from \(value("beta_start")) to \(value("beta_end"))"
      : "trained_betas"
    return
      "\(value("num_train_timesteps")) steps, β \(betas); predicts \(value("prediction_type")),"
      + " variance \(value("variance_type"))"
  }
}

/// "1 head", "3 heads".
private func counted(_ count: Int, _ noun: String) -> String {
  "\(count) \(noun)\(count == 1 ? "" : "s")"
}

/// "35,746,307".
private func grouped(_ number: Int) -> String {
  let digits = Array(String(number))
  return digits.indices.reduce("") { text, i in
    text + (i > 0 && (digits.count - i) % 3 == 0 ? "," : "") + String(digits[i])
  }
}

/// "143 MB", "1.2 GB".
private func bytesText(_ bytes: Int) -> String {
  let bytes = Double(bytes)
  return bytes < 1e9
    ? "\(significant(bytes / 1e6, digits: 3)) MB" : "\(significant(bytes / 1e9, digits: 2)) GB"
}

/// "12.4 GFLOP".
private func flopText(_ operations: Int) -> String {
  "\(significant(Double(operations) / 1e9, digits: 3)) GFLOP"
}
