#include "codecs/jpeg2000/tiles/codestream_pieces.h"

#include <doctest/doctest.h>

#include <string>

using dcmturbo::jpeg2000::CodestreamPieces;

namespace {

void put(CodestreamPieces& to, const std::string& text) {
    to.headers().insert(to.headers().end(), text.begin(), text.end());
}

void add(CodestreamPieces& to, const std::string& block) {
    to.add(reinterpret_cast<const std::uint8_t*>(block.data()), block.size());
}

std::string joined(const CodestreamPieces& pieces) {
    std::vector<std::uint8_t> bytes = {'>'};
    pieces.append_to(bytes);
    CHECK(bytes.size() == pieces.size() + 1);
    return {bytes.begin() + 1, bytes.end()};
}

}  // namespace

TEST_CASE("codestream pieces: headers and blocks keep their order") {
    const std::string one = "BLOCK1", two = "BLOCK2";
    CodestreamPieces pieces;
    CHECK(joined(pieces).empty());
    put(pieces, "a");
    put(pieces, "b");
    add(pieces, one);
    add(pieces, two);
    put(pieces, "c");
    CHECK(joined(pieces) == "abBLOCK1BLOCK2c");
    put(pieces, "d");  // goes on after it has been put together
    CHECK(joined(pieces) == "abBLOCK1BLOCK2cd");
}

TEST_CASE("codestream pieces: those of a tile go behind its header") {
    const std::string one = "BLOCK1", two = "BLOCK2";
    CodestreamPieces whole;
    put(whole, "main ");
    for (const std::string* block : {&one, &two}) {
        CodestreamPieces tile;
        put(tile, "packet ");
        add(tile, *block);
        put(tile, " empty ");
        put(whole, "tile ");
        whole.append(tile);
    }
    put(whole, "end");
    CHECK(joined(whole) == "main tile packet BLOCK1 empty tile packet BLOCK2 empty end");
}
