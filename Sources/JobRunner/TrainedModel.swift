/// The network and the noise schedule that a train job works with: those of its sections or, with
/// `init`, those of the model whose weights the training starts from.
///
/// **Promises.** With `init` everything is settled when the job first starts and recorded in
/// `inputs.json`. A job that begins again before its first checkpoint begins with the same weights,
/// or fails; behind a checkpoint the model it came from is not needed any more.
///
/// **Failures.** A section that does not fit the model's weights fails the job, and every key that
/// differs is named.

import DurableIO
import GuardedFiles
import Jobs
import ModelConfig
import ModelFiles
import StrictJSON
import Training

/// What a train job trains.
struct TrainedModel {
  let unet: UNetConfig
  let scheduler: SchedulerConfig
  /// Where the weights come from; nil if they are drawn.
  let origin: JobInputs?
  /// The classes that those weights know; nil if there are none.
  let originClasses: ModelClasses?

  /// Settles what `spec` leaves to the model that it starts from.
  init(
    _ spec: TrainSpec, in directory: JobDirectory, _ access: FileAccess
  ) throws(JobFailure) {
    guard let initial = spec.initial else {
      // A spec without `init` has both: the job file is not read without them.
      self.init(unet: spec.unet ?? UNetConfig(), scheduler: spec.scheduler ?? SchedulerConfig())
      return
    }
    let model = try attempt {
      if let record = try InputsRecord.read(in: directory) {
        guard let inputs = JobInputs(json: record, model: initial, in: directory, access),
          let model = TrainedModel(json: record, from: inputs)
        else { throw InputsRecord.damaged(directory) }
        return model
      }
      let inputs = try JobInputs(model: initial, at: "$.init", in: directory, access)
      let model = try TrainedModel(spec, from: inputs)
      try InputsRecord.write(model.json, in: directory)
      return model
    }
    try attempt {
      try spec.checkLabels(
        hasClasses: model.unet.numClassEmbeds != nil,
        hasNullClass: model.originClasses?.hasNullClass)
    }
    self = model
  }

  private init(
    unet: UNetConfig, scheduler: SchedulerConfig, origin: JobInputs? = nil,
    originClasses: ModelClasses? = nil
  ) {
    self.unet = unet
    self.scheduler = scheduler
    self.origin = origin
    self.originClasses = originClasses
  }

  private init(_ spec: TrainSpec, from origin: JobInputs) throws {
    let folder = try origin.folder()
    let (unet, scheduler) = try spec.settled(startingFrom: (folder.unet, folder.scheduler))
    self.init(
      unet: unet, scheduler: scheduler, origin: origin, originClasses: try folder.classes())
  }

  /// What `inputs.json` says.
  private var json: JSONObject {
    var json = origin?.json ?? [:]
    json["unet"] = unet.json
    json["scheduler"] = scheduler.json
    if let originClasses { json["classes"] = originClasses.json }
    return json
  }

  private init?(json: JSONObject, from origin: JobInputs) {
    guard let unet = try? UNetConfig(json: json["unet"] ?? .null),
      let scheduler = try? SchedulerConfig(json: json["scheduler"] ?? .null)
    else { return nil }
    self.init(
      unet: unet, scheduler: scheduler, origin: origin,
      originClasses: json["classes"].flatMap { try? ModelClasses(json: $0) })
  }

  /// Gives a trainer that has taken no step yet the weights of the model in `init`, if there is one.
  func load(into trainer: Trainer) throws(JobFailure) {
    guard let origin else { return }
    try attempt {
      try origin.requireUnchanged()
      try trainer.start(from: try origin.folder())
    }
  }
}
