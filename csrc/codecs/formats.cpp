// Collects the signatures of all formats for base/signature.h.
#include "codecs/formats.h"

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

}  // namespace dcmturbo
