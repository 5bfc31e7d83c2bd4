import Datasets
import Jobs
import ModelConfig
import ModelFiles

// What a train job whose data set has labels learns, and the network that this takes.

extension ModelClasses {
  /// The classes of the data set, and the null class behind them if classes are hidden in training.
  init(_ labels: Labels, labelDropout: Double) {
    let names = labels.classes
    self.init(names: names, nullClass: labelDropout > 0 ? names.count : nil)
  }
}

extension LabelSource {
  /// Where a job says that the labels are; nil if it wants none.
  init?(_ dataset: DatasetSpec) {
    switch dataset.labels {
    case .absent: return nil
    case .usual: self.init(names: dataset.classNames)
    case .file(let path): self.init(path: path, names: dataset.classNames)
    }
  }
}

extension TrainedModel {
  /// The classes of the data set. If there is a model in `init`, they have to be its, and are in its
  /// order: its embeddings were trained for them.
  func classes(_ labels: Labels?, labelDropout: Double) throws(JobFailure) -> ModelClasses? {
    guard let labels else { return nil }
    let classes = ModelClasses(labels, labelDropout: labelDropout)
    guard let model = originClasses, !areNumbers(model.names) else { return classes }
    guard model.names.count == classes.names.count else {
      throw .failed(
        reason:
          "$.dataset.labels: the data set has \(classes.names.count) classes, and the model of"
          + " $.init \(model.names.count)")
    }
    if areNumbers(classes.names) { return model }
    guard labels.renumbered(as: model.names) != nil else {
      let name = classes.names.first { !model.names.contains($0) }
      throw .failed(
        reason: "$.dataset.labels: "
          + (name.map { "the data set has a class \"\($0)\", and " } ?? "")
          + "the model of $.init has \(model.names.map { "\"\($0)\"" }.joined(separator: ", "));"
          + " give the data set's classes the same names with $.dataset.class_names")
    }
    return model
  }

  /// The network with an embedding for each class of the data. A job, or a model in `init`, that
  /// says how many there are has to be right.
  func network(for classes: ModelClasses?) throws(JobFailure) -> UNetConfig {
    guard let classes else { return unet }
    if let stated = unet.numClassEmbeds, stated != classes.embeddings {
      throw .failed(
        reason:
          "$.unet.num_class_embeds: found \(stated), allowed is \(classes.embeddings): the data"
          + " set has \(classes.names.count) classes, and label_dropout "
          + (classes.nullClass == nil ? "is 0: there is no null class" : "adds the null class"))
    }
    var network = unet
    network.numClassEmbeds = classes.embeddings
    return network
  }
}
