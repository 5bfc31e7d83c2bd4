// What an evaluate job asks of the model that it scores, which is known when that can be read: when the
// job runs, and often before.

public import ModelConfig
public import StrictJSON

extension EvaluateSpec {
  /// Throws: that more timesteps are wanted than the model's chain has.
  public func checkTimesteps(of model: SchedulerConfig) throws(JSONContentError) {
    let chain = model.numTrainTimesteps
    guard let timesteps, timesteps > chain else { return }
    throw JSONContentError(
      .root.appending("timesteps"),
      "found \(timesteps), allowed is 2 to \(chain), the steps of the model's chain, or null for all"
        + " of them")
  }

  /// Throws: that weights are named, and the model has one set of them.
  ///
  /// - hasPlain: whether it has plain weights beside the averaged ones.
  public func checkWeights(hasPlain: Bool) throws(JSONContentError) {
    guard weights != nil, !hasPlain else { return }
    throw JSONContentError(
      .root.appending("weights"),
      "the model has no folder raw/, so its weights are the only ones; leave the key out")
  }

  /// Throws: that the model is class-conditional, and the data set has no labels.
  public func checkLabels(hasClasses: Bool) throws(JSONContentError) {
    guard hasClasses, dataset.labels == .absent else { return }
    throw JSONContentError(
      .root.appending("dataset").appending("labels"),
      "the model is class-conditional and scores images given their classes; set it to true, or to"
        + " the path of their labels")
  }
}
