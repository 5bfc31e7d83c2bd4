import ArgumentParser
import Foundation
import Jobs
import StrictJSON
import Testing

@testable import ddpmctl

@Suite struct JobFileTests {
  private static let text = #"""
    {"schema": "ddpm.job/1", "kind": "train", "name": "x",
     "dataset": {"type": "npy", "path": "data/x.npy"}, "unet": {"preset": "cifar10-32"},
     "scheduler": {"preset": "cifar10-32"}, "training": {"batch_size": 1, "steps": 1}}
    """#

  /// Runs `body` with a folder that has `text` in `job.json`.
  private func withFile<Result>(_ text: String, _ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(text.utf8).write(to: folder.appending(path: "job.json"))
    return try body(folder)
  }

  @Test func relativePathsAreTakenFromTheFilesFolder() throws {
    try withFile(Self.text) { folder in
      let file = try JobFile(folder.path + "/job.json")
      let path = folder.path + "/data/x.npy"
      guard case .train(let train) = file.spec.work else {
        Issue.record("not a train job")
        return
      }
      #expect(train.dataset.path == path)
      // What is submitted says the same, without any reference to the folder the user was in.
      #expect(try JobSpec.parse(file.bytes) == file.spec)
      #expect(file.missingFiles.count == 1)
      #expect(file.missingFiles.first?.contains(path) == true)

      try FileManager.default.createDirectory(
        at: folder.appending(path: "data"), withIntermediateDirectories: true)
      try Data().write(to: folder.appending(path: "data/x.npy"))
      #expect(file.missingFiles.isEmpty)
    }
  }

  @Test func aFileWithoutRelativePathsIsSubmittedAsItIs() throws {
    let text = Self.text.replacing("data/x.npy", with: "/data/x.npy") + "\n\n"
    try withFile(text) { folder in
      let file = try JobFile(folder.path + "/job.json")
      #expect(file.bytes == Array(text.utf8))
    }
  }

  @Test func allPathsOfAJobAreMadeAbsolute() throws {
    let json = try JSONValue(
      parsing:
        #"{"model": {"path": "m"}, "init": {"path": "i"}, "initial_noise": "n.npy", "name": "x", "dataset": 3}"#
    )
    #expect(
      json.makingPathsAbsolute(in: "/f")
        == [
          "model": ["path": "/f/m"], "init": ["path": "/f/i"], "initial_noise": "/f/n.npy",
          "name": "x", "dataset": 3,
        ])
  }

  @Test func thePathsThatAnArrayListsAreMadeAbsolute() {
    let array: JSONValue = ["dataset.path": ["a", "/b", 3], "name": ["a"]]
    #expect(
      (["array": array] as JSONValue).makingPathsAbsolute(in: "/f")
        == ["array": ["dataset.path": ["/f/a", "/b", 3], "name": ["a"]]])
  }

  @Test func theFilesOfATaskAndItsNeighboursAreLookedFor() throws {
    let text = """
      {"schema": "ddpm.job/1", "kind": "sample", "name": "x", "model": {"job": 1}, "count": 2,
       "task": {"type": "interpolate", "from": "a.png", "to": "b.png", "depths": [1]},
       "neighbours": {"dataset": {"type": "npy", "path": "data/x.npy"}}}
      """
    try withFile(text) { folder in
      let file = try JobFile(folder.path + "/job.json")
      let wanted = [
        "$.task.from: there is no \(folder.path)/a.png", "$.task.to: there is no",
        "$.neighbours.dataset.path: there is no \(folder.path)/data/x.npy",
      ]
      #expect(file.missingFiles.count == wanted.count)
      for (line, beginning) in zip(file.missingFiles, wanted) {
        #expect(line.hasPrefix(beginning), "\(line)")
      }
    }
  }

  @Test(arguments: [
    ("x", "/f/g/x"), ("./x", "/f/g/x"), ("../x", "/f/x"), ("a/.././b//c/", "/f/g/b/c"),
    ("../../../x", "/x"), (".", "/f/g"), ("../..", "/"), ("..x/.y", "/f/g/..x/.y"),
    ("/a/../b", "/a/../b"),
  ])
  func absolutePathsHaveNoDots(_ path: String, _ absolute: String) {
    #expect(absolutePath(path, in: "/f/g") == absolute)
  }

  @Test func aHomeFolderIsNotTakenForAFolderNamedTilde() throws {
    try withFile(Self.text.replacing("data/x.npy", with: "~/x.npy")) { folder in
      let refusal = #expect(throws: Refusal.self) { try JobFile(folder.path + "/job.json") }
      #expect(refusal?.message.contains("~ is not expanded") == true)
    }
  }

  @Test(arguments: [
    ("{", ":1:2: the text ends where a key in double quotes or '}' is expected"),
    (
      "[]",
      #": $: found an empty array, allowed is an object whose "kind" is "train", "sample" or "evaluate""#
    ),
    (
      text.replacing("\"steps\": 1", with: "\"step\": 1"),
      #": $.training: unknown key "step"; did you mean "steps"?"#
    ),
  ])
  func wrongFilesAreRefusedWithTheirNameAndThePlace(_ text: String, _ message: String) throws {
    try withFile(text) { folder in
      let path = folder.path + "/job.json"
      let refusal = #expect(throws: Refusal.self) { try JobFile(path) }
      #expect(refusal?.message == path + message)
      #expect(refusal?.code.rawValue == 65)
    }
  }

  @Test func anAbsentFileIsNotAWrongFile() throws {
    let refusal = #expect(throws: Refusal.self) { try JobFile("/absent/job.json") }
    #expect(refusal?.code.rawValue == 1)
  }
}
