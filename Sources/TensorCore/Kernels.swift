internal import CKernels
internal import Glibc

/// One build of the C kernels: the functions that run for one instruction set.
@safe public struct Kernels: @unchecked Sendable {
  // A table of constants with static lifetime, hence safe to share and never freed.
  let table: UnsafePointer<ddpm_kernels>

  private init(variant index: Int32) {
    guard let table = unsafe ddpm_kernel_variant(index) else {
      preconditionFailure("CKernels has no variant \(index)")
    }
    unsafe self.table = table
  }

  /// The instruction set's name: `baseline`, `avx2` or `avx512`.
  public var name: String { unsafe String(cString: table.pointee.name) }

  /// What bits depend on beside the job: the build in use, and the way of convolutions where it is not
  /// the usual one.
  public static var inUse: String {
    ConvolutionMethod.active == .fastest
      ? active.name : "\(active.name), \(ConvolutionMethod.active.rawValue)"
  }

  /// Every build that this processor can run, the fastest last.
  public static let available: [Kernels] = (0..<ddpm_kernel_variants()).map { Kernels(variant: $0) }

  /// The build in use: the one that the environment's `DDPM_KERNELS` names, else the fastest.
  ///
  /// Chosen once. Two builds agree to rounding, not to the bit, so a result names its build.
  public static let active: Kernels = {
    let wanted = unsafe getenv("DDPM_KERNELS").map { unsafe String(cString: $0) }
    return available.last { wanted == nil || $0.name == wanted } ?? available[available.count - 1]
  }()

  /// The table's functions, all of which are set.
  var functions: ddpm_kernels { unsafe table.pointee }
}
