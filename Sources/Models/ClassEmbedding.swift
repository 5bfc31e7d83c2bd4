internal import TensorCore

/// How the network learns an image's class: a learned vector for each class, added to the
/// timestep's embedding.
struct ClassEmbedding {
  /// K×E in files; in memory, like every parameter, E×K, so that a class is a column.
  private let table: Parameter
  private let classes: Int
  private let channels: Int

  /// `classes` vectors of `channels` elements, drawn as PyTorch's `nn.Embedding` draws them.
  init(classes: Int, channels: Int, _ p: inout ParameterLayout) {
    self.classes = classes
    self.channels = channels
    table = p.add("class_embedding.weight", [classes, channels], .normal)
  }

  /// Adds the vector of each image's class to its row of `embedding`, N×E.
  func add(_ labels: [Int], into embedding: Tensor, _ pass: Pass) {
    let (vectors, sums) = unsafe (pass.weight(table).elements, embedding.elements)
    forEachElement(labels, embedding) { element, index in
      unsafe sums[index] += vectors[element]
    }
  }

  /// Adds the vectors' gradients, given that of the embedding, image by image.
  func backward(_ gradient: Tensor, labels: [Int], _ pass: Pass) {
    let (vectors, dy) = unsafe (pass.gradient(table).elements, gradient.elements)
    forEachElement(labels, gradient) { element, index in
      unsafe vectors[element] += dy[index]
    }
  }

  /// Calls `body` with each of N×E elements and the one of the table that belongs to it.
  private func forEachElement(
    _ labels: [Int], _ embedding: Tensor, _ body: (_ element: Int, _ index: Int) -> Void
  ) {
    precondition(
      embedding.shape == Shape(rows: labels.count, columns: channels), "one label an image")
    for (image, label) in labels.enumerated() {
      precondition((0..<classes).contains(label), "the network has no such class")
      for channel in 0..<channels { body(channel * classes + label, image * channels + channel) }
    }
  }
}
