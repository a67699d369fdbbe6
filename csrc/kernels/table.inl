// The table of this instruction set; last of the includes in a target region.

constexpr Kernels make_table(Isa isa) {
    return {
        .isa = isa,
        .packbits_decode = packbits_decode,
        .packbits_encode_row = packbits_encode_row,
        .decode_differences = decode_differences,
        .count_categories = count_categories,
        .encode_differences = encode_differences,
        .extract_differences = extract_differences,
        .restore_row = restore_row,
        .difference_row = difference_row,
        .narrow_row = narrow_row,
        .shift_row = shift_row,
        .merge16 = merge16,
        .merge32 = merge32,
        .merge64 = merge64,
        .split16 = split16,
        .correct8 = correct8,
        .correct16 = correct16,
        .correct32 = correct32,
        .correct64 = correct64,
        .swap16 = swap16,
        .swap32 = swap32,
        .swap64 = swap64,
        .interleave3 = interleave3,
        .deinterleave3 = deinterleave3,
        .ybr_full_to_rgb = ybr_full_to_rgb,
        .expand_422 = expand_422,
        .unpack_bits = unpack_bits,
        .pack_bits = pack_bits,
    };
}
