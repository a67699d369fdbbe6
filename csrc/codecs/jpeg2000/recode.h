// From a codestream to another one without samples in between: the coefficients of the code-blocks are decoded, and
// coded again. Both are reversible then, with the same wavelet and component transform.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "codecs/codec.h"
#include "codecs/jpeg2000/codestream/header_writer.h"
#include "codecs/jpeg2000/codestream/tile_part.h"
#include "codecs/jpeg2000/tiles/tile.h"

namespace dcmturbo::jpeg2000 {

class Recoder {
  public:
    // Null where the codestream that is asked for differs in its size, its samples or its transforms.
    static std::unique_ptr<Recoder> make(const Codestream& from, Recoding& recoding, Context& context);

    // Tiles in order, once their blocks have been decoded and nothing else has been done to the coefficients.
    // `transforms`: whether there is a component transform.
    void add(std::size_t tile, std::span<const TileComponent> decoded, bool transforms);

    // After the last one. The request is granted if all tiles could be coded.
    void finish();

  private:
    Recoder(CodestreamPlan plan, Recoding& recoding, Context& context)
        : plan_(std::move(plan)), recoding_(recoding), context_(context), headers_(recoding.codestream) {}
    [[nodiscard]] bool may_add(std::span<const TileComponent> decoded, bool transforms) const;

    CodestreamPlan plan_;
    Recoding& recoding_;
    Context& context_;
    HeaderWriter headers_;
    std::uint64_t tiles_ = 0;  // that have been added
    bool is_possible_ = true;
};

}  // namespace dcmturbo::jpeg2000
