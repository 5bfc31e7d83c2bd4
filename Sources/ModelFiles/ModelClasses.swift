/// What the classes of a class-conditional model are called: `classes.json` beside
/// `model_index.json`, which diffusers leaves alone.
///
///     {"classes": ["T-shirt/top", "Trouser"], "null_class": 2}
///
/// `classes` are names in the order of the classes' numbers. `null_class` is the row of the class
/// embedding that stands for no class in particular, which guidance needs; null if there is none.

public import DurableIO
import ModelConfig
public import StrictJSON

/// The classes of a model.
public struct ModelClasses: Equatable, Sendable {
  /// The names, in the order of the classes' numbers.
  public var names: [String]
  /// The class of images whose class is hidden; nil if the network knows none.
  public var nullClass: Int?

  /// Classes 0 ..< `names.count`.
  public init(names: [String], nullClass: Int? = nil) {
    self.names = names
    self.nullClass = nullClass
  }

  /// Rows that the network's class embedding has.
  public var embeddings: Int { names.count + (nullClass == nil ? 0 : 1) }

  /// Whether there is a null class; nil where the classes have no names: then nobody has said it.
  public var hasNullClass: Bool? { areNumbers(names) ? nil : nullClass != nil }

  /// The file's content.
  public var json: JSONValue { Self.codec.encode(self) }

  /// Reads the file's content.
  public init(json: JSONValue) throws(JSONContentError) { self = try Self.codec.decode(json) }

  /// Writes the file into the model folder `folder`, durable after a `FileSystemSync`.
  public func write(to folder: String) throws(SystemError) {
    try AtomicFile.write(
      json.serialized(pretty: true) + "\n", to: Self.path(in: folder), synced: false)
  }

  fileprivate static func path(in folder: String) -> String { folder + "/classes.json" }

  private static let codec = ObjectCodec(
    "The classes of a model", defaults: ModelClasses(names: []),
    fields: [
      Field(
        "classes", \.names, .array(of: .string, count: 1...1 << 16), required: true,
        "The classes' names, in the order of their numbers."),
      Field(
        "null_class", \.nullClass, .optional(.integer(0...1 << 16)),
        "The class of images whose class is hidden."),
    ])
}

extension DiffusersFolder {
  /// The classes of the model; nil if it is not class-conditional. Where the folder does not say
  /// what they are called, their names are their numbers, and none is known as the null class.
  public func classes() throws(ModelFileError) -> ModelClasses? {
    guard let embeddings = unet.numClassEmbeds else { return nil }
    let path = ModelClasses.path(in: path)
    guard try access.has(path) else {
      return ModelClasses(names: (0..<embeddings).map(String.init))
    }
    let classes = try access.config(path) { (json) throws(JSONContentError) in
      try ModelClasses(json: json)
    }
    let last = embeddings - 1
    guard classes.embeddings == embeddings, classes.nullClass ?? last == last else {
      throw .unusable(
        path: path,
        problem: "it has \(classes.names.count) classes"
          + (classes.nullClass.map { " and the null class \($0)" } ?? "")
          + "; the network's num_class_embeds, \(embeddings), counts them all, the null class last")
    }
    return classes
  }
}

/// Whether the names of classes are what they are called where nothing says their names.
public func areNumbers(_ names: [String]) -> Bool {
  names == names.indices.map(String.init)
}
