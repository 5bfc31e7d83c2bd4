// swift-tools-version: 6.2
import PackageDescription

/// Settings that every Swift target of the package is built with.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .strictMemorySafety(),
]

/// A library of ours: `imports` is the whole list of what its sources may import.
func module(_ name: String, imports: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: imports, swiftSettings: strict)
}

func program(_ name: String, imports: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: imports, swiftSettings: strict)
}

/// The tests of one module, under `Tests/<name>Tests`.
///
/// `data` are files beside them with expected values, and the scripts that made those.
func tests(
  _ name: String, imports: [Target.Dependency] = [], data: [String] = []
) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.byName(name: name), "TestSupport"] + imports,
    exclude: data,
    swiftSettings: strict)
}

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

/// Built by `scripts/fuzz` alone, with the sanitizers that it links against.
let fuzz: [Target] =
  Context.environment["DDPM_FUZZ"] == nil
  ? []
  : [
    .executableTarget(
      name: "ddpm-fuzz",
      dependencies: [
        "Datasets", "DurableIO", "Images", "Jobs", "Spool", "StrictJSON", "TensorCore",
        "TensorFiles",
      ], path: "Tests/Fuzz", exclude: ["corpus.tar.gz"], swiftSettings: strict,
      linkerSettings: [.unsafeFlags(["-use-ld=lld"])])
  ]

let package = Package(
  name: "ddpmd",
  products: [
    .executable(name: "ddpmd", targets: ["ddpmd"]),
    .executable(name: "ddpmctl", targets: ["ddpmctl"]),
    .executable(name: "ddpm-worker", targets: ["ddpm-worker"]),
    .executable(name: "ddpm-bench", targets: ["ddpm-bench"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
  ],
  targets: [
    // Debian's libraries.
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
    // System calls that Swift's Glibc module lacks.
    .systemLibrary(name: "CLinux"),

    // State on disk and the language of job files: no numerics below this line ...
    module("DurableIO", imports: ["CCrypto", "CLinux"]),
    module("GuardedFiles", imports: ["DurableIO", "CLinux"]),
    module("StrictJSON"),
    module("ModelConfig", imports: ["StrictJSON"]),
    module("Jobs", imports: ["StrictJSON", "ModelConfig"]),
    module("Spool", imports: ["DurableIO", "GuardedFiles", "Jobs", "StrictJSON"]),
    module(
      "Supervision",
      imports: ["Spool", "Jobs", "DurableIO", "StrictJSON", "CSystemd", "CLinux", logging]),

    // ... and no jobs below this one.
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3", "-fno-math-errno"])]),
    module("TensorCore", imports: ["CKernels"]),
    module("TensorFiles", imports: ["DurableIO", "GuardedFiles", "StrictJSON", "TensorCore"]),
    module("Models", imports: ["TensorCore", "ModelConfig"]),
    module("Diffusion", imports: ["TensorCore", "ModelConfig"]),
    module("Images", imports: ["CPNG", "CJPEG", "DurableIO"]),
    module(
      "Datasets",
      imports: ["Images", "TensorFiles", "TensorCore", "CZlib", "DurableIO", "GuardedFiles"]),
    module(
      "ModelFiles",
      imports: [
        "TensorFiles", "TensorCore", "ModelConfig", "StrictJSON", "DurableIO", "GuardedFiles",
      ]),
    module(
      "Training",
      imports: [
        "Models", "Diffusion", "Datasets", "ModelFiles", "ModelConfig", "TensorCore", "TensorFiles",
        "StrictJSON", "DurableIO",
      ]),

    // Where jobs and numerics meet.
    module(
      "JobRunner",
      imports: [
        "Training", "Models", "Diffusion", "Datasets", "ModelFiles", "ModelConfig", "TensorFiles",
        "TensorCore", "Images", "Jobs", "StrictJSON", "DurableIO", "GuardedFiles", "CLinux",
      ]),

    program("ddpmd", imports: ["Supervision", "Spool", "Jobs", "DurableIO", arguments, logging]),
    program(
      "ddpmctl",
      imports: [
        "Spool", "Jobs", "Training", "ModelFiles", "Models", "ModelConfig", "Images", "StrictJSON",
        "GuardedFiles", "DurableIO", arguments,
      ]),
    program("ddpm-worker", imports: ["JobRunner", "Jobs", arguments]),
    // Writes the manual pages; not installed.
    program("ddpm-manual", imports: ["Supervision", "Jobs", "StrictJSON", "DurableIO", arguments]),
    program(
      "ddpm-bench",
      imports: [
        "Training", "Diffusion", "ModelFiles", "Models", "ModelConfig", "TensorFiles", "TensorCore",
        "StrictJSON",
        "DurableIO", arguments,
      ]),

    .target(
      name: "TestSupport", dependencies: ["DurableIO"], path: "Tests/TestSupport",
      swiftSettings: strict),
    // Kills the programs again and again, and checks what is left: see docs/torture.md.
    .executableTarget(
      name: "ddpm-torture",
      dependencies: [
        "Supervision", "Spool", "Jobs", "StrictJSON", "DurableIO", "CLinux", "TestSupport",
        arguments,
      ],
      path: "Tests/Torture", swiftSettings: strict),
    tests("DurableIO"),
    tests("GuardedFiles", imports: ["DurableIO", "CLinux"]),
    tests("StrictJSON"),
    tests("ModelConfig", imports: ["StrictJSON"]),
    tests("Jobs", imports: ["StrictJSON", "ModelConfig"]),
    tests("Spool", imports: ["DurableIO", "Jobs", "StrictJSON"]),
    tests("Supervision", imports: ["Spool", "Jobs", "DurableIO", "CLinux", logging]),
    tests("TensorCore"),
    tests("TensorFiles", imports: ["DurableIO"], data: ["Fixtures"]),
    tests(
      "Models", imports: ["TensorCore", "ModelConfig", "TensorFiles", "StrictJSON", "ModelFiles"],
      data: ["Fixtures"]),
    tests(
      "Diffusion", imports: ["TensorCore", "ModelConfig", "StrictJSON"],
      data: ["make_scheduler_goldens.py"]),
    tests("Images", imports: ["TensorFiles", "DurableIO"], data: ["Fixtures"]),
    tests("Datasets", imports: ["Images", "TensorFiles", "TensorCore", "DurableIO", "CZlib"]),
    tests(
      "ModelFiles",
      imports: ["TensorFiles", "TensorCore", "ModelConfig", "StrictJSON", "DurableIO"]),
    tests(
      "Training",
      imports: [
        "Models", "Diffusion", "Datasets", "ModelFiles", "ModelConfig", "TensorCore", "DurableIO",
        "StrictJSON",
      ]),
    tests(
      "JobRunner",
      imports: [
        "Jobs", "DurableIO", "StrictJSON", "ModelConfig", "ModelFiles", "TensorFiles", "TensorCore",
        "Images", "Models", "Datasets",
      ]),
    tests(
      "ddpmctl",
      imports: [
        "Spool", "Jobs", "Training", "Models", "ModelFiles", "ModelConfig", "TensorFiles", "Images",
        "StrictJSON", "DurableIO", arguments,
      ]),
    // Power cuts and faults at every moment in the life of a spool, from ddpmctl to the worker.
    .testTarget(
      name: "DurabilityTests",
      dependencies: [
        "Spool", "JobRunner", "Jobs", "ModelFiles", "ModelConfig", "TensorFiles", "StrictJSON",
        "DurableIO", "TestSupport",
      ], swiftSettings: strict),
    // The architecture's arrows, and the real programs run end to end.
    .testTarget(name: "ArchitectureTests", swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "ddpmd", "ddpmctl", "ddpm-worker", "ddpm-torture", "ddpm-manual", "Jobs", "StrictJSON",
      ],
      swiftSettings: strict),
  ] + fuzz
)
