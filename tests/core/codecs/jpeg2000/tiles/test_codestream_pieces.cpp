#include "codecs/jpeg2000/tiles/codestream_pieces.h"

#include <doctest/doctest.h>

#include <string>

using dcmturbo::Arena;
using dcmturbo::Context;
using dcmturbo::Isa;
using dcmturbo::Limits;
using dcmturbo::jpeg2000::CodestreamPieces;

namespace {

void put(CodestreamPieces& to, const std::string& text) {
    to.headers().insert(to.headers().end(), text.begin(), text.end());
}

void add(CodestreamPieces& to, const std::string& block) {
    to.add(reinterpret_cast<const std::uint8_t*>(block.data()), block.size());
}

// A team of one thread, which begins at the end.
struct Team {
    Arena arena;
    Limits limits;
    Context context{arena, Isa::scalar, limits};

    explicit Team(unsigned threads) {
        context.team_threads = threads;
        if (threads < 2) return;
        context.team = &context;
        context.team_run = [](void*, std::size_t count, Context::TeamBody body, void* of) {
            while (count-- > 0) body(of, count);
        };
    }
};

std::string joined(CodestreamPieces& pieces, unsigned threads = 1) {
    const Team team(threads);
    std::vector<std::uint8_t> bytes = {'>'};
    pieces.append_to(bytes, team.context);
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

TEST_CASE("codestream pieces: a team puts the same together, however the pieces are divided") {
    std::string expected;
    std::vector<std::string> blocks;
    for (std::size_t i = 0; i < 60; ++i)
        blocks.emplace_back(i % 7 == 0 ? 200'000 : i * 311, static_cast<char>('a' + i % 26));
    CodestreamPieces pieces;
    for (const std::string& block : blocks) {
        if (block.size() % 2 == 0) put(pieces, "header of " + std::to_string(block.size()));
        add(pieces, block);
        expected += (block.size() % 2 == 0 ? "header of " + std::to_string(block.size()) : "") + block;
    }
    put(pieces, "end");
    expected += "end";
    for (const unsigned threads : {1U, 2U, 3U, 7U, 64U}) CHECK(joined(pieces, threads) == expected);
    CodestreamPieces one;
    const std::string large(3'000'000, 'x');
    add(one, large);
    for (const unsigned threads : {1U, 2U, 5U}) CHECK(joined(one, threads) == large);
}
