/// A font of 5×7 pixels for the labels of pictures: printable ASCII.

/// The glyphs, each five columns from left to right, the lowest bit of a column on top.
enum BitmapFont {
  static let glyphWidth = 5
  /// With the descenders' row.
  static let glyphHeight = 8
  /// From one glyph to the next.
  static let advance = 6

  /// Whether `character` has ink at column `x` of 0 ..< 5 and row `y` of 0 ..< 8.
  static func hasInk(_ character: UInt8, x: Int, y: Int) -> Bool {
    let index = Int(character) - 32
    // What the font lacks is drawn as the question mark.
    let glyph = glyphs.indices.contains(index) ? index : 31
    return glyphs[glyph] >> UInt64(8 * (glyphWidth - 1 - x) + y) & 1 == 1
  }

  /// From the space to the tilde; a byte a column, the leftmost first.
  private static let glyphs: [UInt64] = [
    0x00_00_00_00_00, 0x00_00_5F_00_00, 0x00_07_00_07_00, 0x14_7F_14_7F_14,  //  !"#
    0x24_2A_7F_2A_12, 0x23_13_08_64_62, 0x36_49_56_20_50, 0x00_08_07_03_00,  // $%&'
    0x00_1C_22_41_00, 0x00_41_22_1C_00, 0x2A_1C_7F_1C_2A, 0x08_08_3E_08_08,  // ()*+
    0x00_80_70_30_00, 0x08_08_08_08_08, 0x00_00_60_60_00, 0x20_10_08_04_02,  // ,-./
    0x3E_51_49_45_3E, 0x00_42_7F_40_00, 0x72_49_49_49_46, 0x21_41_49_4D_33,  // 0123
    0x18_14_12_7F_10, 0x27_45_45_45_39, 0x3C_4A_49_49_31, 0x41_21_11_09_07,  // 4567
    0x36_49_49_49_36, 0x46_49_49_29_1E, 0x00_00_14_00_00, 0x00_40_34_00_00,  // 89:;
    0x00_08_14_22_41, 0x14_14_14_14_14, 0x00_41_22_14_08, 0x02_01_59_09_06,  // <=>?
    0x3E_41_5D_59_4E, 0x7C_12_11_12_7C, 0x7F_49_49_49_36, 0x3E_41_41_41_22,  // @ABC
    0x7F_41_41_41_3E, 0x7F_49_49_49_41, 0x7F_09_09_09_01, 0x3E_41_41_51_73,  // DEFG
    0x7F_08_08_08_7F, 0x00_41_7F_41_00, 0x20_40_41_3F_01, 0x7F_08_14_22_41,  // HIJK
    0x7F_40_40_40_40, 0x7F_02_1C_02_7F, 0x7F_04_08_10_7F, 0x3E_41_41_41_3E,  // LMNO
    0x7F_09_09_09_06, 0x3E_41_51_21_5E, 0x7F_09_19_29_46, 0x26_49_49_49_32,  // PQRS
    0x03_01_7F_01_03, 0x3F_40_40_40_3F, 0x1F_20_40_20_1F, 0x3F_40_38_40_3F,  // TUVW
    0x63_14_08_14_63, 0x03_04_78_04_03, 0x61_59_49_4D_43, 0x00_7F_41_41_41,  // XYZ[
    0x02_04_08_10_20, 0x00_41_41_41_7F, 0x04_02_01_02_04, 0x40_40_40_40_40,  // \]^_
    0x00_03_07_08_00, 0x20_54_54_78_40, 0x7F_28_44_44_38, 0x38_44_44_44_28,  // `abc
    0x38_44_44_28_7F, 0x38_54_54_54_18, 0x00_08_7E_09_02, 0x18_A4_A4_9C_78,  // defg
    0x7F_08_04_04_78, 0x00_44_7D_40_00, 0x40_80_84_7D_00, 0x7F_10_28_44_00,  // hijk
    0x00_41_7F_40_00, 0x7C_04_78_04_78, 0x7C_08_04_04_78, 0x38_44_44_44_38,  // lmno
    0xFC_18_24_24_18, 0x18_24_24_18_FC, 0x7C_08_04_04_08, 0x48_54_54_54_24,  // pqrs
    0x04_04_3F_44_24, 0x3C_40_40_20_7C, 0x1C_20_40_20_1C, 0x3C_40_30_40_3C,  // tuvw
    0x44_28_10_28_44, 0x4C_90_90_90_7C, 0x44_64_54_4C_44, 0x00_08_36_41_00,  // xyz{
    0x00_00_77_00_00, 0x00_41_36_08_00, 0x02_01_02_04_02,  // |}~
  ]
}
