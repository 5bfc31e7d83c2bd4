import DurableIO
import Glibc
import TensorFiles
import TestSupport
import Testing

@Suite struct SafetensorsTests {
  @Test func readsWhatPythonWrote() throws {
    let file = try SafetensorsFile(path: fixture("float32.safetensors"))
    #expect(file.names.sorted() == ["a", "conv.bias", "conv.weight", "empty"])
    #expect(file.metadata == ["format": "pt"])
    #expect(file.entry("conv.weight")?.shape == [4, 3, 2, 2])
    #expect(file.entry("conv.weight")?.dtype == "F32")
    #expect(try file.floats("conv.weight") == values(0, count: 48))
    #expect(try file.floats("conv.bias") == values(1, count: 4))
    #expect(try file.floats("a") == values(2, count: 1))
    #expect(try file.floats("empty") == [])
  }

  @Test func convertsHalfPrecision() throws {
    let file = try SafetensorsFile(path: fixture("mixed.safetensors"))
    #expect(try file.floats("half") == values(0, count: 5))
    #expect(try file.floats("brain") == values(1, count: 9))
  }

  @Test func refusesOtherTypesAndNamesByName() throws {
    let path = fixture("mixed.safetensors")
    let file = try SafetensorsFile(path: path)
    #expect(throws: TensorFileError.missing(path: path, tensor: "conv")) {
      try file.floats("conv")
    }
    let error = #expect(throws: TensorFileError.self) { try file.floats("integers") }
    #expect(error?.description.contains("\"integers\" is of type I64") == true)
  }

  @Test func writesTheSameBytesAsPython() throws {
    let folder = try TemporaryFolder()
    func tensor(_ name: String, _ k: Int, _ shape: [Int]) -> SafetensorsTensor {
      unsafe SafetensorsTensor(name: name, shape: shape) { buffer in
        _ = unsafe buffer.update(from: values(k, count: buffer.count))
      }
    }
    let digest = try writeSafetensors(
      to: folder("x"),
      tensors: [
        tensor("conv.weight", 0, [4, 3, 2, 2]), tensor("conv.bias", 1, [4]), tensor("a", 2, []),
        tensor("empty", 3, [0, 5]),
      ], metadata: ["format": "pt"])
    #expect(try readFile(folder("x")) == readFile(fixture("float32.safetensors")))
    #expect(try SHA256.of(file: folder("x")).hex == digest)
  }

  @Test func everyCutOffFileIsRefused() throws {
    let folder = try TemporaryFolder()
    let whole = try readFile(fixture("float32.safetensors"))
    for length in 0..<whole.count {
      try AtomicFile.write(Array(whole[..<length]), to: folder("cut"), synced: false)
      let error = #expect(throws: TensorFileError.self) {
        try SafetensorsFile(path: folder("cut"))
      }
      guard case .damaged(folder("cut"), _)? = error else {
        Issue.record("\(length) bytes: \(String(describing: error))")
        return
      }
    }
  }

  @Test(arguments: [
    (#"[]"#, 0, "not a JSON object"),
    (#"{"a":"#, 0, "not JSON"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":null}"#, 4, "not JSON"),
    (#"{"__metadata__":{"a":1}}"#, 0, "not a string"),
    (#"{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}}"#, 4, "no known dtype"),
    (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4, "no valid shape"),
    (#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, 4, "no valid shape"),
    (
      #"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#, 4,
      "no valid shape"
    ),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4, "needs 8 bytes"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4, "data_offsets differ"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 8, "need"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 4, "need"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "does not begin"),
    (
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"#
        + #""b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "does not begin"
    ),
  ])
  func refusesWrongHeaders(header: String, dataSize: Int, problem: String) throws {
    let folder = try TemporaryFolder()
    let length = [UInt8(header.utf8.count), 0, 0, 0, 0, 0, 0, 0]
    let data = [UInt8](repeating: 0, count: dataSize)
    try AtomicFile.write(length + Array(header.utf8) + data, to: folder("bad"))
    let error = #expect(throws: TensorFileError.self) { try SafetensorsFile(path: folder("bad")) }
    #expect(error?.description.contains(problem) == true, "\(String(describing: error))")
  }

  @Test func takesNoMemoryForAFalseHeaderLength() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write([UInt8](repeating: 0xFF, count: 64), to: folder("bad"))
    #expect(throws: TensorFileError.self) { try SafetensorsFile(path: folder("bad")) }
  }

  @Test func tellsTheSystemsFaultsApart() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: TensorFileError.self) {
      try SafetensorsFile(path: folder("none"))
    }
    guard case .system(let cause)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(cause.isNotFound)
    let itself = #expect(throws: TensorFileError.self) { try SafetensorsFile(path: folder.path) }
    #expect(itself?.problem == "cannot open it: it is a folder; a file is wanted")
  }

  @Test func aFailedWriteLeavesTheOldFileAndNothingElse() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write("old", to: folder("x"))
    let tensor = unsafe SafetensorsTensor(name: "a", shape: [3]) { _ in }
    var calls = 0
    while true {
      let plan = FaultPlan(at: calls, .failure(ENOSPC))
      let result = Syscalls.$fileSystem.withValue(plan) {
        Result { try writeSafetensors(to: folder("x"), tensors: [tensor]) }
      }
      if !plan.struck { break }
      calls += 1
      guard case .failure(let error as TensorFileError) = result else { continue }
      #expect(error.isTransient)
      #expect(try Directory.names(in: folder.path).count == 1)
    }
    #expect(calls > 5)
  }
}
