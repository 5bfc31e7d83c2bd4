import Images
import Testing

@Suite struct EncodingTests {
  @Test(arguments: [(1, 1, 1), (13, 17, 1), (13, 17, 3), (200, 300, 3), (1, 999, 1)])
  func decodingGivesWhatWasEncoded(height: Int, width: Int, channels: Int) throws {
    let image = noise(height: height, width: width, channels: channels)
    #expect(try decodePNG(encodePNG(image)) == image)
  }

  @Test func otherChannelCountsAreShownSideBySide() {
    let image = Image(height: 2, width: 2, channels: 2, pixels: [1, 5, 2, 6, 3, 7, 4, 8])
    #expect(
      image.viewable
        == Image(height: 2, width: 4, channels: 1, pixels: [1, 2, 5, 6, 3, 4, 7, 8]))
    let rgb = noise(height: 2, width: 2, channels: 3)
    #expect(rgb.viewable == rgb)
  }
}
