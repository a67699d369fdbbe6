// What is done with decoded samples: mapping tables (ISO/IEC 14495-1, C.2.4.1.2 and C.2.4.1.3), and the colour
// transforms of Hewlett-Packard, which no standard has.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "codecs/jpeg/markers.h"
#include "codecs/jpegls/parameters.h"
#include "image/component.h"

namespace dcmturbo::jpegls {

class Mapping {
  public:
    // LSE of type 2, or 3 which continues it.
    void define(const jpeg::Segment& segment, bool continues);
    // A component of a scan uses a table; 0 is none. Throws DecodeError where there is no such table, or it lacks
    // entries.
    void use(std::size_t component, unsigned table, const Parameters& parameters, const jpeg::Segment& segment);
    [[nodiscard]] bool is_used() const { return is_used_; }

    // Puts the entries in the place of the first `lines` lines of samples. Throws DecodeError where cells of
    // `cell_bytes` do not hold them.
    void apply(std::size_t component, const ComponentOut& plane, std::uint32_t lines, std::size_t cell_bytes) const;

  private:
    struct Table {
        unsigned entry_bytes = 0;
        std::vector<std::uint16_t> entries;
    };
    std::map<unsigned, Table> tables_;
    std::map<std::size_t, Table> used_;  // by component; as it was when the scan began
    bool is_used_ = false;
};

inline constexpr unsigned most_hp_transform = 3;

// Whether an APP8 segment names a transform ("mrfx") other than none.
bool is_hp_transform(const jpeg::Segment& segment);

// Restores R, G and B in place.
void undo_hp_transform(std::span<const ComponentOut> planes, unsigned transform, unsigned precision);

}  // namespace dcmturbo::jpegls
