// What a sample job asks of the model that it draws from, which is known when that can be read: when
// the job runs, and often before.

public import ModelConfig
public import StrictJSON

extension SampleSpec {
  /// The numbers of the classes to draw in turn; nil of a model without classes.
  ///
  /// - names: what the model's classes are called; nil if it has none.
  /// - hasNullClass: whether it knows one, which guidance needs.
  ///
  /// Throws: that the model lacks a class, has none, or knows no null class to guide away from.
  public func classNumbers(
    of names: [String]?, hasNullClass: Bool
  ) throws(JSONContentError) -> [Int]? {
    func place(_ key: String) -> JSONPath { .root.appending(key) }
    let isGuided = guidance != GuidanceSpec()
    guard let names else {
      guard isGuided || classes != .all else { return nil }
      throw JSONContentError(
        place(isGuided ? "guidance" : "classes"),
        "the model is not class-conditional; leave the key out, or train a model with"
          + " $.dataset.labels")
    }
    if guidance.scale != 1, !hasNullClass {
      throw JSONContentError(
        place("guidance").appending("scale"),
        "found \(guidance.scale), allowed is 1, without guidance: the model knows no null class;"
          + " train one with $.training.label_dropout, or name its null class in a classes.json")
    }
    guard case .these(let references) = classes else { return Array(names.indices) }
    var numbers: [Int] = []
    for (index, reference) in references.enumerated() {
      numbers.append(try reference.number(in: names, at: place("classes").appending(index)))
    }
    return numbers
  }
}

extension SamplerSpec {
  /// Throws: that there are to be more steps than the model's chain has.
  public func checkSteps(of model: SchedulerConfig) throws(JSONContentError) {
    let chain = model.numTrainTimesteps
    guard let steps, steps > chain else { return }
    throw JSONContentError(
      .root.appending("sampler").appending("steps"),
      "found \(steps), allowed is 1 to \(chain), the steps of the model's chain")
  }
}

extension ClassReference {
  fileprivate func number(
    in names: [String], at path: JSONPath
  ) throws(JSONContentError) -> Int {
    switch self {
    case .number(let number):
      guard names.indices.contains(number) else {
        throw JSONContentError(path, "found \(number), allowed is 0 to \(names.count - 1)")
      }
      return number
    case .name(let name):
      if let number = names.firstIndex(of: name) { return number }
      let known = names.prefix(20).map { "\"\($0)\"" }.joined(separator: ", ")
      let rest = names.count > 20 ? " and \(names.count - 20) more" : ""
      throw JSONContentError(
        path,
        "the model has no class \"\(name)\"; "
          + (nearest(to: name, among: names).map { "did you mean \"\($0)\"?" }
            ?? "it has \(known)\(rest)"))
    }
  }
}
