// The tables of a stream, as DHT and DQT define them (ISO/IEC 10918-1, B.2.4.1 and B.2.4.2).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "codecs/jpeg/markers.h"
#include "codecs/jpeg_dct/coefficient_table.h"
#include "codecs/jpeg_dct/kernels.h"
#include "entropy/huffman.h"

namespace dcmturbo::jpeg_dct {

class Tables {
  public:
    // Takes the tables of a DHT or DQT segment; other segments are ignored.
    void read(const jpeg::Segment& segment);

    // Null if the stream does not define both. Throws DecodeError(malformed) if no stream can use them.
    [[nodiscard]] const UnitTables* units(unsigned dc, unsigned ac, unsigned index_bits,
                                          const jpeg::Segment& scan) const;
    // The symbols alone; false if the stream does not define the table.
    bool symbols(bool is_dc, unsigned destination, const jpeg::Segment& scan, SymbolTable& to) const;
    // Null if the stream does not define the table.
    [[nodiscard]] const HuffmanTable* huffman(bool is_dc, unsigned destination) const {
        if (destination > 3 || !huffman_[is_dc ? 0 : 1][destination]) return nullptr;
        return &*huffman_[is_dc ? 0 : 1][destination];
    }
    [[nodiscard]] const Steps* steps(unsigned destination) const {
        return destination < steps_.size() && steps_[destination] ? &*steps_[destination] : nullptr;
    }

  private:
    void read_huffman(const jpeg::Segment& segment);
    void read_quantisation(const jpeg::Segment& segment);

    std::array<std::array<std::optional<HuffmanTable>, 4>, 2> huffman_;  // [class][destination]
    std::array<std::optional<Steps>, 4> steps_;
};

}  // namespace dcmturbo::jpeg_dct
