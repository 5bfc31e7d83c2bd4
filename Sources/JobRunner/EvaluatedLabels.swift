import Datasets
import ModelFiles

/// The class of each image of a data set that a model with these classes is evaluated on: the bound
/// is then that of the images given their classes. Nil for a model without classes; one with classes
/// is given no data without labels.
///
/// Classes are matched by name where both sides have names, else by number.
///
/// Throws: that the model does not know a class.
func evaluatedLabels(
  of dataset: any Dataset, _ classes: ModelClasses?
) throws(JobFailure) -> [Int]? {
  guard let classes, let labels = dataset.labels else { return nil }
  if areNumbers(labels.classes) || areNumbers(classes.names) {
    guard labels.classes.count <= classes.names.count else {
      throw .failed(
        reason: "$.dataset.labels: the data set has \(labels.classes.count) classes, and the model"
          + " knows \(classes.names.count)")
    }
    return labels.numbers
  }
  let known = Dictionary(
    classes.names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  var numbers: [Int] = []
  for name in labels.classes {
    guard let number = known[name] else {
      throw .failed(
        reason: "$.dataset.labels: the data set has a class \"\(name)\", and the model knows"
          + " \(classes.names.map { "\"\($0)\"" }.joined(separator: ", ")); give the data set's"
          + " classes the same names with $.dataset.class_names")
    }
    numbers.append(number)
  }
  return labels.numbers.map { numbers[$0] }
}
