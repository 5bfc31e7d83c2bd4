import Jobs
import StrictJSON
import Testing
@Test func smoke() throws {
  print(
    Timestamp.now(), Timestamp("2026-02-29T00:00:00.000Z") as Any,
    Timestamp("2024-02-29T23:59:59.001Z") as Any)
  let text = #"""
    {"schema": "ddpm.job/1", "kind": "train", "name": "fm", "dataset": {"type": "idx", "path": "a", "flip": 1},
     "unet": {"preset": "fashion-mnist-28", "attention_head_dim": 7}, "scheduler": {"preset": "cifar"},
     "optimizer": {"lr": 1, "batch_size": 3, "type": "adamm", "betas": [1, 2]}, "ema": [], "training": {"batchsize": 3, "steps": 0}}
    """#
  do { _ = try JobSpec.parse(Array(text.utf8)) } catch { print(error) }
  let good = #"""
    {"schema": "ddpm.job/1", "kind": "train", "name": "fm", "dataset": {"type": "idx", "path": "/a"},
     "unet": {"preset": "fashion-mnist-28"}, "scheduler": {"preset": "fashion-mnist-28"}, "training": {"batch_size": 3, "steps": 1}}
    """#
  do {
    let s = try JobSpec.parse(Array(good.utf8)); print(s.json.serialized(pretty: true));
    #expect(try JobSpec(json: s.json) == s)
  } catch { print(error) }
  print(JobSpec.schemaDocument.serialized(pretty: true).count)
  do { _ = try DropFile.parse(Array(#"{"schema": "ddpm.job/2"}"#.utf8)) } catch { print(error) }
  do {
    _ = try DropFile.parse(
      Array(#"{"schema": "ddpm.command/1", "command": "cancel", "job": "x"}"#.utf8))
  } catch { print(error) }
  do {
    _ = try DropFile.parse(
      Array(
        #"{"schema": "ddpm.job/1", "kind": "sample", "name": "12", "model": {"job": "fm", "path":"/x"}, "sampler": {"type":"ddim","eta":2}}"#
          .utf8))
  } catch { print(error) }
}
