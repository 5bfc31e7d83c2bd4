import Jobs
import StrictJSON

/// What a job computes, wherever it stands in the queue: jobs of one recipe end in the same bits.
struct Recipe: Hashable {
  /// The training that makes the model, or that made the model which is read.
  var training: Training
  var work: Work

  /// Trainings that differ in what a checkpoint has to hold.
  enum Training: String, CaseIterable {
    /// Adam's moments, the averaged weights, random streams, previews.
    case plain
    /// Scores on held-out images, and the best checkpoint.
    case heldOut
    /// A learned variance, and the latest losses by timestep.
    case hybrid
    /// So many steps that it runs into the shortest time limit there is.
    case long

    static let short: [Training] = [.plain, .heldOut, .hybrid]

    /// As submitted.
    var steps: Int { self == .long ? 900 : 120 }
  }

  enum Work: String, CaseIterable {
    case train, sample, evaluate
  }

  /// Whether the training has been given more steps.
  var isExtended = false

  /// The steps of the training.
  var steps: Int { isExtended ? extendedSteps : training.steps }
  /// What an extension asks for.
  var extendedSteps: Int { training.steps + 60 }

  /// Its name; that of a job does not change with an extension.
  var name: String { "\(training)-\(work)" }

  /// The recipe of that name, with the steps as submitted.
  init?(named name: String) {
    let parts = name.split(separator: "-").map(String.init)
    guard parts.count == 2, let training = Training(rawValue: parts[0]),
      let work = Work(rawValue: parts[1])
    else { return nil }
    self.init(training: training, work: work)
  }

  init(training: Training, work: Work) {
    self.training = training
    self.work = work
  }

  /// The job, reading images from the file `images` and a model from `model`.
  func job(images: String, model: JSONValue?, queue: JSONObject = [:]) -> JSONObject {
    var job: JSONObject = [
      "schema": .string(JobSpec.schema), "kind": .string(work.rawValue), "name": .string(name),
    ]
    let sections: JSONObject =
      switch work {
      case .train: trainJob(images)
      case .sample: sampleJob(model ?? .null)
      case .evaluate: evaluateJob(images, model ?? .null)
      }
    for (key, value) in sections.members { job[key] = value }
    if !queue.members.isEmpty { job["queue"] = .object(queue) }
    return job
  }

  private func trainJob(_ images: String) -> JSONObject {
    let isHybrid = training == .hybrid
    var job: JSONObject = [
      "seed": 3,
      "dataset": ["type": "idx", "path": .string(images), "horizontal_flip": true],
      "unet": [
        "sample_size": .integer(Images.side), "in_channels": 1,
        "out_channels": isHybrid ? 2 : 1, "block_out_channels": [8], "layers_per_block": 1,
        "norm_num_groups": 4, "down_block_types": ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"], "dropout": 0.1, "attention_head_dim": nil,
      ],
      "scheduler": [
        "num_train_timesteps": 20, "variance_type": isHybrid ? "learned_range" : "fixed_small",
      ],
      "ema": ["enabled": .bool(!isHybrid)],
      "optimizer": ["learning_rate": 1e-3, "warmup_steps": 10],
      "training": [
        "batch_size": 8, "steps": .integer(steps), "checkpoint_every": 4,
        "preview_every": training == .plain ? 40 : 0,
      ],
    ]
    if isHybrid { job["loss"] = ["type": "hybrid", "timesteps": "importance"] }
    if training == .heldOut { job["holdout"] = ["images": 16, "bank": 16, "every": 30] }
    return job
  }

  private func sampleJob(_ model: JSONValue) -> JSONObject {
    [
      "seed": 4, "model": model, "count": 6, "batch_size": 2,
      "output": ["formats": ["png", "npy", "grid"], "progressive": 2],
    ]
  }

  private func evaluateJob(_ images: String, _ model: JSONValue) -> JSONObject {
    [
      "seed": 5, "model": model, "dataset": ["type": "idx", "path": .string(images)],
      "timesteps": 8, "batch_size": 4, "budget": ["images": 12],
    ]
  }
}

/// The images that jobs read.
enum Images {
  static let side = 8
  private static let count = 96

  /// An IDX file of noise, of which a tiny network learns as much as is needed here.
  static var idx: [UInt8] {
    var dice = Dice(seed: 1)
    let header = [0x803, count, side, side].flatMap { number in
      (0..<4).reversed().map { UInt8(number >> (8 * $0) & 0xff) }
    }
    return header + (0..<count * side * side).map { _ in UInt8.random(in: 0...255, using: &dice) }
  }
}
