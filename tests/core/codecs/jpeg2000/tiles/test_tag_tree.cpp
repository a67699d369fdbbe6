// The tag trees of packet headers (ISO/IEC 15444-1, B.10.2).
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "base/arena.h"
#include "bits/zero_bit_reader.h"
#include "bytes.h"
#include "codecs/jpeg2000/tiles/tag_tree.h"

using namespace dcmturbo;
using namespace dcmturbo::jpeg2000;
using dcmturbo::test::bytes;
using dcmturbo::test::Random;

namespace {

// Writes bits as B.10.1 asks: a 0 is stuffed after eight ones that fill a byte.
class HeaderBitWriter {
  public:
    void bit(unsigned value) {
        if (room_ == 0) {
            room_ = !data.empty() && data.back() == std::byte{0xFF} ? 7 : 8;
            data.push_back(std::byte{0});
        }
        --room_;
        data.back() |= static_cast<std::byte>(value << room_);
    }
    std::vector<std::byte> data;

  private:
    unsigned room_ = 0;
};

// A tag tree written clause by clause: every node's minimum, proved as far as a threshold (B.10.2).
class TagTreeWriter {
  public:
    TagTreeWriter(const std::vector<unsigned>& leaves, unsigned width, unsigned height) {
        levels_.push_back({width, height, leaves, {}, {}});
        while (levels_.back().width > 1 || levels_.back().height > 1) {
            const Level& below = levels_.back();
            Level above{(below.width + 1) / 2, (below.height + 1) / 2, {}, {}, {}};
            above.values.assign(std::size_t{above.width} * above.height, ~0u);
            for (unsigned y = 0; y < below.height; ++y) {
                for (unsigned x = 0; x < below.width; ++x) {
                    unsigned& least = above.values[std::size_t{y / 2} * above.width + x / 2];
                    least = std::min(least, below.values[std::size_t{y} * below.width + x]);
                }
            }
            levels_.push_back(above);
        }
        for (Level& level : levels_) {
            level.proved.assign(level.values.size(), 0);
            level.known.assign(level.values.size(), false);
        }
    }

    void tell(HeaderBitWriter& to, unsigned x, unsigned y, unsigned threshold) {
        unsigned least = 0;
        for (std::size_t k = levels_.size(); k-- > 0;) {
            Level& level = levels_[k];
            const std::size_t i = std::size_t{y >> k} * level.width + (x >> k);
            level.proved[i] = std::max(level.proved[i], least);
            while (level.proved[i] < threshold && !level.known[i]) {
                if (level.proved[i] == level.values[i]) {
                    to.bit(1);
                    level.known[i] = true;
                } else {
                    to.bit(0);
                    ++level.proved[i];
                }
            }
            least = level.proved[i];
        }
    }

  private:
    struct Level {
        unsigned width, height;
        std::vector<unsigned> values;
        std::vector<unsigned> proved;
        std::vector<bool> known;
    };
    std::vector<Level> levels_;
};

}  // namespace

TEST_CASE("tag tree: every size tells every leaf, in any order of questions") {
    Random random(5);
    for (int round = 0; round < 200; ++round) {
        const unsigned width = random.below(9) + 1, height = random.below(9) + 1;
        std::vector<unsigned> leaves(std::size_t{width} * height);
        for (unsigned& leaf : leaves) leaf = random.below(6);
        struct Question {
            unsigned x, y, threshold;
        };
        std::vector<Question> questions;
        for (unsigned threshold = 1; threshold <= 6; ++threshold) {
            for (unsigned y = 0; y < height; ++y) {
                for (unsigned x = 0; x < width; ++x) {
                    if (random.below(3) != 0 || threshold == 6) questions.push_back({x, y, threshold});
                }
            }
        }
        HeaderBitWriter to;
        TagTreeWriter writer(leaves, width, height);
        for (const Question& q : questions) writer.tell(to, q.x, q.y, q.threshold);
        to.bit(0);
        Arena arena;
        TagTree tree;
        tree.allocate(arena, width, height);
        ZeroBitReader bits(to.data);
        for (const Question& q : questions) {
            REQUIRE(tree.is_below(bits, q.x, q.y, static_cast<std::uint16_t>(q.threshold)) ==
                    (leaves[std::size_t{q.y} * width + q.x] < q.threshold));
        }
        REQUIRE_FALSE(bits.is_overrun());
    }
}

TEST_CASE("tag tree: value gives the leaf, or the limit where it is not below that") {
    HeaderBitWriter to;
    TagTreeWriter writer({3, 9}, 2, 1);
    for (unsigned threshold = 1; threshold <= 4; ++threshold) writer.tell(to, 0, 0, threshold);
    for (unsigned threshold = 1; threshold <= 5; ++threshold) writer.tell(to, 1, 0, threshold);
    Arena arena;
    TagTree tree;
    tree.allocate(arena, 2, 1);
    ZeroBitReader bits(to.data);
    CHECK(tree.value(bits, 0, 0, 5) == 3);
    CHECK(tree.value(bits, 1, 0, 5) == 5);
}
