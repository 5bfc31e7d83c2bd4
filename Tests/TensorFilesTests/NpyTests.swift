import DurableIO
import Glibc
import TensorFiles
import TestSupport
import Testing

@Suite struct NpyTests {
  @Test func readsWhatNumPyWrote() throws {
    let cube = try NpyFile(path: fixture("float32.npy"))
    #expect(cube.shape == [2, 3, 4])
    #expect(cube.holds(Float.self) && !cube.holds(UInt8.self))
    #expect(try cube.elements(0..<24, of: Float.self) == values(1, count: 24))
    #expect(try cube.elements(7..<9, of: Float.self) == Array(values(1, count: 24)[7..<9]))

    let bytes = try NpyFile(path: fixture("uint8.npy"))
    #expect(bytes.shape == [2, 3, 4, 5])
    #expect(try bytes.elements(60..<120, of: UInt8.self) == Array(60..<120))

    let newer = try NpyFile(path: fixture("version2.npy"))
    #expect(newer.shape == [3, 2])
    #expect(try newer.elements(0..<6, of: Float.self) == values(2, count: 6))
  }

  @Test(arguments: [("float32.npy", [2, 3, 4], 1), ("vector.npy", [7], 0)])
  func writesTheSameBytesAsNumPy(name: String, shape: [Int], k: Int) throws {
    let folder = try TemporaryFolder()
    let all = values(k, count: shape.reduce(1, *))
    let digest = try unsafe writeNpy(to: folder("x"), shape: shape) { index, part in
      _ = unsafe part.update(from: all[index * part.count..<(index + 1) * part.count])
    }
    #expect(try readFile(folder("x")) == readFile(fixture(name)))
    #expect(try SHA256.of(file: folder("x")).hex == digest)
  }

  @Test func writesBytes() throws {
    let folder = try TemporaryFolder()
    try unsafe writeNpy(to: folder("x"), shape: [2, 3, 4, 5]) { index, part in
      for i in 0..<60 { unsafe part[i] = UInt8(60 * index + i) }
    }
    #expect(try readFile(folder("x")) == readFile(fixture("uint8.npy")))
  }

  @Test(arguments: [
    ("fortran.npy", "Fortran order"), ("float64.npy", "<f8"), ("make.py", "does not begin"),
  ])
  func refusesOtherArrays(name: String, problem: String) throws {
    let error = #expect(throws: TensorFileError.self) { try NpyFile(path: fixture(name)) }
    #expect(error?.description.contains(problem) == true, "\(String(describing: error))")
  }

  @Test func everyCutOffOrLongerFileIsRefused() throws {
    let folder = try TemporaryFolder()
    let whole = try readFile(fixture("float32.npy"))
    for length in Array(0..<whole.count) + [whole.count + 1] {
      let bytes = Array((whole + [0])[..<length])
      try AtomicFile.write(bytes, to: folder("cut"), synced: false)
      #expect(throws: TensorFileError.self) { try NpyFile(path: folder("cut")) }
    }
  }

  @Test(arguments: [
    "", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'shape': (1,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x",
    "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
  ])
  func refusesWrongHeaders(header: String) throws {
    let folder = try TemporaryFolder()
    let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, UInt8(header.utf8.count), 0]
    try AtomicFile.write(magic + Array(header.utf8) + [0, 0, 0, 0], to: folder("bad"))
    #expect(throws: TensorFileError.self) { try NpyFile(path: folder("bad")) }
  }

  @Test func anUnnamedFileHoldsWhatWasAppended() throws {
    let file = try ByteFile { append throws(TensorFileError) in
      try append([1, 2, 3])
      try append([4, 5])
    }
    #expect(file.size == 5)
    #expect(try file.bytes(at: 1, count: 4) == [2, 3, 4, 5])
    #expect(unsafe access(file.path, F_OK) != 0)
    #expect(throws: TensorFileError.self) { try file.bytes(at: 3, count: 3) }
  }
}
