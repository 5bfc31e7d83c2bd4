// What a train job asks of the model in `init`, which is known when that can be read: when the job runs,
// and often before.

public import ModelConfig
public import StrictJSON

extension TrainSpec {
  /// The network and the chain that are trained, with weights of a model that has these.
  ///
  /// Throws: every key that does not fit the model's weights.
  public func settled(
    startingFrom model: (unet: UNetConfig, scheduler: SchedulerConfig)
  ) throws(JSONContentError) -> (unet: UNetConfig, scheduler: SchedulerConfig) {
    var problems: [JSONContentError.Problem] = []
    func compare(_ section: String, _ given: JSONValue, _ model: JSONValue, only: Set<String>?) {
      for (key, value) in given.object?.members ?? [] where only?.contains(key) ?? true {
        guard let wanted = model[key], value != wanted else { continue }
        problems.append(
          JSONContentError.Problem(
            .root.appending(section).appending(key),
            "found \(value.serialized()), and the model of $.init has \(wanted.serialized())"))
      }
    }
    var given = self.unet
    given?.numClassEmbeds = self.unet?.numClassEmbeds ?? model.unet.numClassEmbeds
    if let unet = given {
      var known = model.unet
      known.dropout = unet.dropout
      compare("unet", unet.json, known.json, only: nil)
    }
    if let scheduler = self.scheduler {
      compare("scheduler", scheduler.json, model.scheduler.json, only: ["prediction_type"])
    }
    if !problems.isEmpty {
      problems[problems.count - 1].message += "; leave the section out to take the model's"
      throw JSONContentError(problems)
    }
    let (unet, scheduler) = (given ?? model.unet, self.scheduler ?? model.scheduler)
    if let problem = unet.outputProblem(with: scheduler) {
      throw JSONContentError(
        .root.appending("scheduler"),
        "it does not fit the model of $.init: of its out_channels, \(problem)")
    }
    if let problem = loss.problem(with: scheduler) {
      throw JSONContentError(.root.appending("loss").appending("type"), problem)
    }
    return (unet, scheduler)
  }

  /// Throws: that the data set's labels, or whether they are hidden at times, do not fit the classes of
  /// the model that training starts from.
  ///
  /// - hasClasses: whether the model is class-conditional.
  /// - hasNullClass: whether it knows a null class; nil if that is not known.
  public func checkLabels(hasClasses: Bool, hasNullClass: Bool?) throws(JSONContentError) {
    let labels = JSONPath.root.appending("dataset").appending("labels")
    switch (hasClasses, dataset.labels) {
    case (true, .absent):
      throw JSONContentError(
        labels, "the model of $.init is class-conditional, and learns from data with labels only")
    case (false, .usual), (false, .file):
      throw JSONContentError(labels, "the model of $.init has no classes; leave the labels out")
    case (true, .usual), (true, .file), (false, .absent): break
    }
    if hasClasses, let hasNullClass, hasNullClass != (training.labelDropout > 0) {
      throw JSONContentError(
        .root.appending("training").appending("label_dropout"),
        "the model of $.init has "
          + (hasNullClass ? "a null class; set it above 0" : "no null class; leave it at 0"))
    }
  }
}
