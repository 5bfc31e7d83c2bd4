/// Scores a training run on images that it never sees, and keeps the checkpoint that scored best.
///
/// **Promises.** The scores are a function of the job and the step: an interrupted run has those of
/// one left alone. The best checkpoint is on disk, whole, before its score is in the log, and is
/// removed only when a better one is: wherever the run dies, going on from any checkpoint ends with
/// the best of all steps that were scored. (Scores of the same step by other kernels agree to
/// rounding only.)

import Datasets
import Diffusion
import DurableIO
import Images
import Jobs
import ModelConfig
import ModelFiles
import Models
import StrictJSON
import TensorCore
import Training

/// The held-out part of one train job.
struct HeldOutCheck {
  /// The images to train on.
  let training: any Dataset

  private let trainer: Trainer
  private let bank: HeldOutBank
  private let images: Int
  private let every: Int
  private let lastStep: Int
  private let log: HeldOutLog
  private let best: CheckpointStore

  /// Splits the data set and draws the bank.
  init(
    _ holdout: HoldoutSpec, _ spec: TrainSpec, of dataset: any Dataset, _ trainer: Trainer,
    _ scheduler: SchedulerConfig, _ pool: ThreadPool, in directory: JobDirectory,
    copyingTo tensorBoard: TensorBoardLog
  ) throws(JobFailure) {
    let (images, key) =
      switch holdout.size {
      case .images(let images): (images, "images")
      case .fraction(let part): (max(1, Int((part * Double(dataset.count)).rounded())), "fraction")
      }
    guard images < dataset.count else {
      throw .failed(
        reason: "$.holdout.\(key): all \(dataset.count) images of $.dataset would be held out;"
          + " hold out fewer than these")
    }
    let seed = trainer.recipe.seed
    let split = HeldOutSplit(
      dataset, holdingOut: images,
      random: Philox(seed: seed, stream: RandomStream.heldOutSplit.rawValue))
    training = split.training
    self.images = images
    self.trainer = trainer
    every = holdout.every ?? spec.training.previewEvery
    lastStep = spec.training.steps
    bank = try attempt {
      // No more images than triples are looked at.
      let count = min(images, holdout.bank)
      let data = FloatBuffer(count: count * dataset.imageSize)
      let x0 = data.tensor(at: 0, Shape(count, dataset.height, dataset.width, dataset.channels))
      try split.heldOut.read(Array(0..<count), into: x0)
      let unet = trainer.unet.config
      return HeldOutBank(
        count: holdout.bank, data: x0,
        labels: unet.numClassEmbeds == nil ? nil : split.heldOut.labels?.numbers,
        scheduler: scheduler, outputChannels: unet.outChannels, seed: seed, pool: pool)
    }
    best = try attempt { try Self.bestCheckpoints(in: directory) }
    log = try attempt {
      try HeldOutLog(
        path: directory.heldOut, after: trainer.state.step, copyingTo: tensorBoard)
    }
  }

  private static func bestCheckpoints(
    in directory: JobDirectory
  ) throws(ModelFileError) -> CheckpointStore {
    try CheckpointStore(path: directory.checkpoints + "/best", keeping: 1)
  }

  /// Whether the state is to be scored and is not yet.
  var isDue: Bool {
    let step = trainer.state.step
    return step > 0 && (step % every == 0 || step == lastStep) && log.scores.last?.step != step
  }

  /// Scores the state; returns false if stopped before it was done.
  ///
  /// - note: stored beside the best checkpoint's tensors.
  func score(note: JSONObject, shouldStop: () -> Bool) throws(JobFailure) -> Bool {
    func loss(_ weights: Tensor) -> Double? {
      bank.loss(trainer.denoisers(weights: weights), shouldStop: shouldStop)
    }
    guard let raw = loss(trainer.weights) else { return false }
    var score = HeldOutScore(step: trainer.state.step, ema: nil, raw: raw)
    if trainer.recipe.average != nil {
      guard let ema = loss(trainer.averagedWeights) else { return false }
      score.ema = ema
    }
    try attempt {
      if score.decisive < log.best?.decisive ?? .infinity {
        var note = note
        note["held_out"] = .object(score.json)
        try trainer.state.write(to: best, note: note)
      }
      try log.append(score)
    }
    return true
  }

  /// Returns when all scores are on disk.
  func sync() throws(SystemError) { try log.sync() }

  /// The scores as curves for the plot of the loss.
  var curves: [Plot.Curve] {
    let scores = log.scores
    let raw = Plot.Curve("held-out raw", scores.map { (x: Double($0.step), y: $0.raw) })
    guard trainer.recipe.average != nil else { return [raw] }
    return [
      Plot.Curve("held-out ema", scores.map { (x: Double($0.step), y: $0.ema ?? .nan) }), raw,
    ]
  }

  /// Writes `heldout.jsonl`, `heldout.json`, which sums it up, and the best checkpoint's weights as
  /// a model folder, `best/`.
  func writeResults(
    to folder: String, _ scheduler: SchedulerConfig, classes: ModelClasses?,
    report: (String) -> Void
  ) throws {
    var text = ""
    for score in log.scores { text += JSONValue.object(score.json).serialized() + "\n" }
    try AtomicFile.write(text, to: folder + "/heldout.jsonl", synced: false)
    var summary: JSONObject = [
      "schema": "ddpm.heldout/1", "images": .integer(images), "bank": .integer(bank.count),
    ]
    if let checkpoint = try best.newest(report: report),
      let score = checkpoint.state["held_out"]?.object
    {
      let weights = FloatBuffer(count: trainer.unet.layout.count)
      try TrainingState.readAveragedWeights(of: checkpoint, into: weights.all)
      try DiffusersFolder.write(
        to: folder + "/best", unet: trainer.unet, weights: weights.all, scheduler: scheduler,
        classes: classes)
      summary["best"] = .object(score)
      report("the best checkpoint on held-out images is that of step \(checkpoint.step)")
    } else {
      report("there is no sound checkpoint with a finite score; the results go without best/")
    }
    try AtomicFile.write(
      JSONValue.object(summary).serialized(pretty: true) + "\n", to: folder + "/heldout.json",
      synced: false)
  }
}
