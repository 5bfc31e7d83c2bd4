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
  /// Throws: that the model does not have them.
  init?(_ spec: SampleSpec, _ model: ModelClasses?) throws(JobFailure) {
    do {
      let cycle = try spec.classNumbers(of: model?.names, hasNullClass: model?.nullClass != nil)
      guard let model, let cycle else { return nil }
      self.init(model: model, cycle: cycle)
    } catch {
      throw .failed(reason: "\(error)")
    }
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
