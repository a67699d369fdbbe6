// Collects the signatures of all formats for base/signature.h.
#include "codecs/formats.h"

#include <string>

#include "base/error.h"

namespace dcmturbo {

namespace {

constexpr std::size_t signature_count() {
    std::size_t count = 0;
    for (const FormatRow& row : formats) {
        for (const Signature& signature : row.signatures) count += signature.size != 0 ? 1 : 0;
    }
    return count;
}

constexpr auto all_signatures = [] {
    std::array<Signature, signature_count()> all{};
    std::size_t next = 0;
    for (const FormatRow& row : formats) {
        for (const Signature& signature : row.signatures) {
            if (signature.size != 0) all[next++] = signature;
        }
    }
    return all;
}();

}  // namespace

std::span<const Signature> signatures() { return all_signatures; }

void check_reduce(const FormatRow& row, unsigned reduce) {
    if (reduce <= row.most_reduce) return;
    std::string others;
    for (const FormatRow& other : formats) {
        if (other.most_reduce == 0) continue;
        others += others.empty() ? "" : ", ";
        others += other.title + std::string(" (at most ") + std::to_string(other.most_reduce) + ")";
    }
    fail(ErrorCode::unsupported, no_offset, "reduce is %u, but the frame is %s. These formats have reduce: %s", reduce,
         row.title, others.c_str());
}

}  // namespace dcmturbo
