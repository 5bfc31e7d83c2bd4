import Jobs
import ModelConfig
import StrictJSON
import Testing

/// The section `loss` of train jobs.
struct LossSpecTests {
  private func train(_ loss: JSONValue?) throws -> LossSpec? {
    let json = try Examples.json("fashion-mnist-train.json").setting(["loss"], to: loss)
    let spec = try JobSpec(json: json)
    #expect(try JobSpec(json: spec.json) == spec)
    guard case .train(let train) = spec.work else { return nil }
    return train.loss
  }

  private func problems(_ loss: JSONValue) throws -> [String] {
    let json = try Examples.json("fashion-mnist-train.json").setting(["loss"], to: loss)
    do {
      _ = try JobSpec(json: json)
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }

  @Test func kindsAndDefaults() throws {
    #expect(try train(nil) == LossSpec())
    #expect(try train(["type": "simple"])?.kind == .simple)
    #expect(try train(["type": "min_snr"])?.kind == .minSNR(gamma: 5))
    #expect(try train(["type": "min_snr", "gamma": 2.5])?.kind == .minSNR(gamma: 2.5))
    let bound = try train(["type": "vlb", "timesteps": "importance"])
    #expect(bound?.kind == .vlb && bound?.timesteps == .importance)
  }

  @Test(
    arguments: [
      (
        [:],
        #"$.loss: the key "type" is missing: add "simple", "min_snr", "vlb" or "hybrid""#
      ),
      (
        ["type": "simple", "gamma": 5],
        #"$.loss: unknown key "gamma"; allowed here is "type" or "timesteps"; it belongs to type "min_snr""#
      ),
      (["type": "min_snr", "gamma": 0], "$.loss.gamma: found 0, allowed is a number > 0"),
      (
        ["type": "vlb", "timesteps": "loss"],
        #"$.loss.timesteps: found "loss", allowed is "uniform" or "importance""#
      ),
      (
        ["type": "hybrid"],
        #"$.loss.type: found "hybrid", which trains a learned variance, and scheduler.variance_type is fixed_small; set that to learned_range, or the loss to "simple""#
      ),
    ] as [(JSONValue, String)])
  func isRefusedInOneSentence(_ loss: JSONValue, _ sentence: String) throws {
    #expect(try problems(loss) == [sentence])
  }

  /// What the sections of a job do not say together is reported where it can be put right.
  @Test func aLearnedVarianceNeedsChannelsAndALoss() throws {
    let json = try Examples.json("fashion-mnist-train.json")
      .setting(["scheduler", "variance_type"], to: "learned_range")
    do {
      _ = try JobSpec(json: json)
      Issue.record("the job is not refused")
    } catch {
      #expect(
        error.problems.map(\.description) == [
          "$.unet.out_channels: found 1, allowed is twice in_channels, 2, where the scheduler's"
            + " variance_type is learned_range",
          "$.loss.type: found \"simple\", allowed is \"hybrid\" or \"vlb\" where"
            + " scheduler.variance_type is learned_range: no other loss trains the variance",
        ])
    }
    let whole = json.setting(["unet", "out_channels"], to: 2)
      .setting(["loss"], to: ["type": "hybrid"])
    #expect(try JobSpec(json: whole).kind == "train")
  }

  /// A learned variance needs a loss that trains it.
  @Test func fitsTheChain() {
    var scheduler = SchedulerConfig()
    var loss = LossSpec()
    loss.kind = .hybrid(vlbWeight: 0.001)
    #expect(loss.problem(with: scheduler) != nil)
    scheduler.varianceType = .learnedRange
    #expect(loss.problem(with: scheduler) == nil)
    loss.kind = .simple
    #expect(loss.problem(with: scheduler)?.contains("\"hybrid\" or \"vlb\"") == true)
    loss.kind = .vlb
    #expect(loss.problem(with: scheduler) == nil)
  }
}
