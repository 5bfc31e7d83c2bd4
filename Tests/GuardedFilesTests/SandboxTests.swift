import DurableIO
import Testing

@testable import GuardedFiles

@Suite struct SandboxTests {
  /// As systemd 257 makes them, without the lines that tell nothing.
  private let mounts = #"""
    81 80 254:1 / / ro,nosuid,relatime - ext4 /dev/vda1 rw
    90 81 0:25 /systemd/inaccessible/dir /home ro,nosuid,nodev,noexec - tmpfs tmpfs rw,mode=755
    91 81 0:60 / /root ro,nosuid,nodev,noexec shared:3 master:1 - tmpfs tmpfs ro,mode=755
    92 81 0:31 /systemd-private-0a1b-ddpmd.service-q9/tmp /tmp rw,nosuid - tmpfs tmpfs rw
    93 81 254:1 /var/tmp/systemd-private-0a1b-ddpmd.service-r8/tmp /var/tmp rw - ext4 /dev/vda1 rw
    95 91 254:1 /root/shown /root/my\040data ro,nosuid - ext4 /dev/vda1 rw
    94 81 0:26 / /run rw - tmpfs tmpfs rw
    torn
    """#

  @Test(arguments: [
    ("/tmp/a", "the service has a /tmp of its own; put it elsewhere"),
    ("/var/tmp/a/b", "the service has a /var/tmp of its own; put it elsewhere"),
    ("/home/anna/photos", "the service sees nothing of /home but what"),
    ("/home", "the service sees nothing of /home but what"),
    ("/root/x", "the service sees nothing of /root but what"),
    ("/root/my data", nil), ("/root/my data/x", nil), ("/homes/x", nil), ("/tmpx", nil),
    ("/run/x", nil), ("/srv/x", nil),
  ])
  func whatIsHiddenIsNamed(_ path: String, _ words: String?) {
    let explanation = Sandbox(mounts: mounts).explanation(of: path)
    #expect(explanation?.hasPrefix(words ?? "?") ?? (words == nil), "\(explanation ?? "")")
  }

  @Test func withoutASandboxNothingIsHidden() throws {
    let here = "81 80 254:1 / / rw - ext4 /dev/vda1 rw\n92 81 0:31 / /tmp rw - tmpfs tmpfs rw"
    for path in ["/home/anna", "/tmp/a"] {
      #expect(Sandbox(mounts: here).explanation(of: path) == nil)
    }
  }

  /// Whose folder it is does not matter then: what is shown is not the owner's.
  @Test func aClosedHomeIsTheSandboxs() throws {
    let refusal = Refusal(
      role: "the job is run for anna", user: User(id: 1000, name: "anna", groups: []),
      wanted: .search, path: "/home", status: try FileStatus(ofLink: "/"),
      sandbox: Sandbox(mounts: mounts))
    #expect("\(refusal)".hasPrefix("the service sees nothing of /home"))
  }
}
