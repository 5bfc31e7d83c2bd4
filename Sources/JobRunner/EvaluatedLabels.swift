import Datasets
import ModelFiles

/// The class of each image of a data set that a model with these classes is evaluated on, by number:
/// the bound is then that of the images given their classes. Nil for a model without classes.
///
/// Throws: that there are no labels, or that the model knows fewer classes.
func evaluatedLabels(
  of dataset: any Dataset, _ classes: ModelClasses?
) throws(JobFailure) -> [Int]? {
  guard let classes else { return nil }
  guard let labels = dataset.labels else {
    throw .failed(
      reason: "$.dataset.labels: the model is class-conditional and scores images given their"
        + " classes; set it to true, or to the path of their labels")
  }
  guard labels.classes.count <= classes.names.count else {
    throw .failed(
      reason: "$.dataset.labels: the data set has \(labels.classes.count) classes, and the model"
        + " knows \(classes.names.count)")
  }
  return labels.numbers
}
