import Diffusion
import Jobs
import ModelFiles
import StrictJSON

/// Which class each image of a sample job shows: image i that of element i mod n of the job's list.
struct SampledClasses {
  /// The model's classes.
  let model: ModelClasses
  /// The numbers of the classes in the list.
  let cycle: [Int]

  /// Every class of the model in turn.
  init(all model: ModelClasses) {
    self.init(model: model, cycle: Array(model.names.indices))
  }

  private init(model: ModelClasses, cycle: [Int]) {
    self.model = model
    self.cycle = cycle
  }

  /// The job's classes of a model; nil for one without classes.
  ///
  /// Throws: that the model lacks a class, has none, or knows no null class to guide away from.
  init?(_ spec: SampleSpec, _ model: ModelClasses?) throws(JobFailure) {
    let isGuided = spec.guidance != GuidanceSpec()
    guard let model else {
      if isGuided || spec.classes != .all {
        throw .failed(
          reason: "$.\(isGuided ? "guidance" : "classes"): the model is not class-conditional;"
            + " leave the key out, or train a model with $.dataset.labels")
      }
      return nil
    }
    if spec.guidance.scale != 1, model.nullClass == nil {
      throw .failed(
        reason:
          "$.guidance.scale: found \(spec.guidance.scale), allowed is 1, without guidance: the"
          + " model knows no null class; train one with $.training.label_dropout, or name its null"
          + " class in a classes.json")
    }
    guard case .these(let references) = spec.classes else {
      self.init(all: model)
      return
    }
    var cycle: [Int] = []
    for (index, reference) in references.enumerated() {
      cycle.append(try model.number(of: reference, at: "$.classes[\(index)]"))
    }
    self.init(model: model, cycle: cycle)
  }

  /// Fails the job if its images show several classes.
  func checkThatThereIsOne() throws(JobFailure) {
    guard cycle.count != 1 else { return }
    throw .failed(
      reason: "$.classes: an interpolation shows one class, and the job has \(cycle.count); name it"
    )
  }

  /// The classes of the images `images` of the job.
  func labels(_ images: Range<Int>) -> [Int] { images.map { cycle[$0 % cycle.count] } }

  /// What they are called.
  func names(_ images: Range<Int>) -> [String] { labels(images).map { model.names[$0] } }

  /// The guidance that a job wants; nil for none.
  func guidance(_ spec: GuidanceSpec) -> Guidance? {
    guard spec.scale != 1, let nullClass = model.nullClass else { return nil }
    return Guidance(scale: spec.scale, rescale: spec.rescale, nullClass: nullClass)
  }

  /// Says in a manifest what the classes are called, and the class of each of `count` images.
  func describe(count: Int, in manifest: inout JSONObject) {
    manifest["classes"] = .array(model.names.map { .string($0) })
    manifest["image_classes"] = .array(labels(0..<count).map { .integer($0) })
  }
}

extension ModelClasses {
  /// The number of the class that is meant at `path` of a job.
  fileprivate func number(
    of reference: ClassReference, at path: String
  ) throws(JobFailure) -> Int {
    switch reference {
    case .number(let number):
      guard names.indices.contains(number) else {
        throw .failed(reason: "\(path): found \(number), allowed is 0 to \(names.count - 1)")
      }
      return number
    case .name(let name):
      if let number = names.firstIndex(of: name) { return number }
      let known = names.prefix(20).map { "\"\($0)\"" }.joined(separator: ", ")
      let rest = names.count > 20 ? " and \(names.count - 20) more" : ""
      throw .failed(
        reason: "\(path): the model has no class \"\(name)\"; "
          + (nearest(to: name, among: names).map { "did you mean \"\($0)\"?" }
            ?? "it has \(known)\(rest)"))
    }
  }
}
