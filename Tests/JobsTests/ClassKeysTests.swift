import Jobs
import ModelConfig
import StrictJSON
import Testing

/// The keys of jobs that are about classes.
@Suite struct ClassKeysTests {
  private func problems(_ json: JSONValue) -> [String] {
    do throws(JSONContentError) {
      _ = try JobSpec(json: json)
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }

  @Test func theExamplesSayWhatTheySay() throws {
    guard
      case .train(let train) = try JobSpec.parse(
        Examples.bytes("fashion-mnist-classes-train.json")
      ).work,
      case .sample(let sample) = try JobSpec.parse(
        Examples.bytes("fashion-mnist-classes-sample.json")
      ).work
    else {
      Issue.record("not a train and a sample job")
      return
    }
    #expect(train.dataset.labels == .usual && train.dataset.classNames?.count == 10)
    #expect(train.training.labelDropout == 0.1 && train.unet?.numClassEmbeds == nil)
    guard case .these(let classes) = sample.classes else {
      Issue.record("not a list")
      return
    }
    #expect(classes.first == .name("Sneaker") && classes.last == .number(9))
    #expect(sample.guidance.scale == 2 && sample.guidance.rescale == 0.7)
  }

  @Test(
    arguments: [
      (["dataset", "type"], "npy", "$.dataset.labels: found true, allowed is a path"),
      (
        ["dataset", "labels"], "labels",
        "$.dataset.labels: found \"labels\", allowed is true, false"
      ),
      (["dataset", "type"], "images", "$.dataset.class_names: allowed is null"),
      (
        ["dataset", "class_names"], ["a", "b", "a"], "$.dataset.class_names: name 2 is given before"
      ),
      (["dataset", "class_names"], ["a", ""], "$.dataset.class_names: name 1 is empty"),
      (
        ["dataset", "labels"], false, "$.dataset.class_names: found names, and \"labels\" is false"
      ),
      (["training", "label_dropout"], 1, "$.training.label_dropout: found 1, allowed is a number"),
    ] as [([String], JSONValue, String)])
  func trainJobsAreRefusedInOneSentence(
    _ path: [String], _ value: JSONValue, _ beginning: String
  ) throws {
    let json = try Examples.json("fashion-mnist-classes-train.json").setting(path, to: value)
    let problems = problems(json)
    #expect(problems.count == 1)
    #expect(problems.first?.hasPrefix(beginning) == true, "\(problems)")
  }

  @Test(arguments: ["images", "cifar10"]) func formatsThatHaveLabelsTakeNoFileOfThem(
    format: String
  ) throws {
    let json = try Examples.json("fashion-mnist-train.json")
      .setting(["dataset", "type"], to: .string(format))
    #expect(problems(json.setting(["dataset", "labels"], to: true)) == [])
    let problems = problems(json.setting(["dataset", "labels"], to: "/labels"))
    #expect(problems.count == 1)
    #expect(problems.first?.hasPrefix("$.dataset.labels: found a path, allowed is true") == true)
  }

  @Test func whatIsForClassesNeedsLabels() throws {
    let json = try Examples.json("fashion-mnist-train.json")
    #expect(
      problems(json.setting(["training", "label_dropout"], to: 0.1)).first?.hasPrefix(
        "$.training.label_dropout: it is for classes") == true)
    #expect(
      problems(json.setting(["unet", "num_class_embeds"], to: 10)).first?.hasPrefix(
        "$.unet.num_class_embeds: it is for classes") == true)
  }

  @Test(
    arguments: [
      ("classes", "bag", "$.classes: found \"bag\", allowed is \"all\", or an array"),
      ("classes", ["bag", 1.5], "$.classes[1]: found 1.5, allowed is a class's name or number"),
      ("classes", [-1], "$.classes[0]: found -1, allowed is a class's name or number"),
      ("classes", [], "$.classes: found an array of 0 elements"),
      ("guidance", ["scale": -1], "$.guidance.scale: found -1"),
      ("guidance", ["rescale": 1.5], "$.guidance.rescale: found 1.5"),
      ("guidance", 3, "$.guidance: found 3, allowed is an object"),
    ] as [(String, JSONValue, String)])
  func sampleJobsAreRefusedInOneSentence(
    _ key: String, _ value: JSONValue, _ beginning: String
  ) throws {
    let json = try Examples.json("fashion-mnist-classes-sample.json").setting([key], to: value)
    let problems = problems(json)
    #expect(problems.count == 1)
    #expect(problems.first?.hasPrefix(beginning) == true, "\(problems)")
  }
}
