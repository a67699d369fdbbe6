// Finds the options that a caller may set for a transfer syntax.
#include "codecs/codec_options.h"

#include <algorithm>

#include "codecs/registry.h"

namespace dcmturbo {

namespace {

OptionTable table_of(const TransferSyntax& syntax, bool prefer_library) {
    const FormatRow& row = row_of(syntax.format);
    switch (encoder_of(syntax, prefer_library)) {
        case Coder::own: return row.own->options;
        case Coder::library: return row.library_options;
        case Coder::nobody: break;
    }
    return {};
}

// Whether the transfer syntax allows only one value of the option.
bool is_settled(const Option& option, const TransferSyntax& syntax) {
    if (syntax.lossless_only && option.can_lose()) return true;
    return std::any_of(syntax.promises.begin(), syntax.promises.end(), [&](const Promise& promise) {
        return promise.parameter != nullptr && std::string_view(promise.parameter) == option.name;
    });
}

}  // namespace

std::vector<const Option*> encode_options(const TransferSyntax& syntax, bool prefer_library) {
    std::vector<const Option*> result;
    // These frames are made by recompressing codestreams of another format, so there are no options.
    if (syntax.made_from != Format::unknown) return result;
    for (const Option* option : table_of(syntax, prefer_library)) {
        if (option->use == OptionUse::encoding && !is_settled(*option, syntax)) result.push_back(option);
    }
    return result;
}

std::vector<const Option*> decode_options() {
    std::vector<const Option*> result;
    for (const FormatRow& row : formats) {
        if (row.own == nullptr) continue;
        for (const Option* option : row.own->options) {
            const bool is_known = std::find(result.begin(), result.end(), option) != result.end();
            if (option->use == OptionUse::decoding && !is_known) result.push_back(option);
        }
    }
    return result;
}

}  // namespace dcmturbo
