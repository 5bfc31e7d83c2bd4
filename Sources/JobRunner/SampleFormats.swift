import DurableIO
import Images
import TensorCore
import TensorFiles

/// Writes a job's samples in the forms of `output.formats`: `samples/N.png`, `samples.npy`,
/// `grid.png`.
struct SampleFormats {
  /// The finished samples.
  let store: SampleStore
  /// The folder that the files go to.
  let folder: String
  /// What the samples show; nil without classes.
  let classes: SampledClasses?

  /// One PNG file an image; returns early when `shouldStop`, which is asked between batches.
  func writePictures(shouldStop: () -> Bool) throws {
    let folder = folder + "/samples"
    try Directory.create(folder)
    let digits = String(store.count - 1).count
    for batch in store.batches {
      if shouldStop() { return }
      for (index, image) in zip(batch, try store.images(batch)) {
        let name = String(repeating: "0", count: digits - String(index).count) + "\(index).png"
        try AtomicFile.write(encodePNG(image.viewable), to: "\(folder)/\(name)", synced: false)
      }
    }
  }

  /// One sheet with all images, or the first that there is room for.
  func writeGrid(log: (String) -> Void) throws {
    let capacity = Pictures.gridCapacity(store.imageShape)
    if capacity < store.count { log("the grid shows the first \(capacity) images") }
    try Pictures.writeGrid(
      of: try store.first(capacity), classes: classes, to: folder + "/grid.png")
  }

  /// One array, uint8 N×H×W×C.
  func writeArray() throws(TensorFileError) {
    let shape = store.imageShape
    var held: (range: Range<Int>, images: [Image]) = (0..<0, [])
    try unsafe writeNpy(
      to: folder + "/samples.npy", shape: [store.count, shape.h, shape.w, shape.c]
    ) { (index, pixels: UnsafeMutableBufferPointer<UInt8>) throws(TensorFileError) in
      if !held.range.contains(index), let batch = store.batches.first(where: { $0.contains(index) })
      {
        held = (batch, try store.images(batch))
      }
      unsafe _ = pixels.update(fromContentsOf: held.images[index - held.range.lowerBound].pixels)
    }
  }
}
