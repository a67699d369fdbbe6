// The C ABI of options: their tables, and values by name.
#include "abi/options.h"

#include <cstring>

#include "codecs/codec_options.h"
#include "process/settings.h"

using namespace dcmturbo;

namespace {

std::vector<NamedValue> named_values(const dcmturbo_option_value* values, size_t count) {
    std::vector<NamedValue> result;
    for (size_t i = 0; i < count; ++i) {
        const dcmturbo_option_value& from = values[i];
        if (from.type > DCMTURBO_OTHER)
            fail(ErrorCode::argument, no_offset, "option %s has a value of unknown type %u", from.name,
                 unsigned{from.type});
        result.push_back({.name = from.name,
                          .type = static_cast<NamedValue::Type>(from.type),
                          .number = from.number,
                          .text = from.text == nullptr ? "" : from.text});
    }
    return result;
}

void row_to(const Option& from, dcmturbo_option& to) {
    to.name = from.name;
    to.meaning = from.meaning;
    to.type = static_cast<uint8_t>(from.type);
    to.has_default = from.has_default() ? 1 : 0;
    to.lowest = from.lowest;
    to.highest = from.highest;
    to.default_value = from.has_default() ? from.default_value : 0;
    to.loses_from = from.loses_from;
    to.bounds_error = from.bounds_error ? 1 : 0;
    to.words = from.words.data();
    to.word_count = 0;
    while (to.word_count < from.words.size() && from.words[to.word_count] != nullptr) ++to.word_count;
    const std::string allowed = from.allowed();
    const size_t length = std::min(allowed.size(), sizeof to.allowed - 1);
    std::memcpy(to.allowed, allowed.data(), length);
    to.allowed[length] = '\0';
}

void row_at(const std::vector<const Option*>& table, size_t i, dcmturbo_option& to) {
    if (i >= table.size()) fail(ErrorCode::argument, no_offset, "option %zu of %zu", i, table.size());
    row_to(*table[i], to);
}

}  // namespace

namespace dcmturbo::abi {

bool library_is_preferred(int32_t asked) { return asked < 0 ? settings().prefer_library : asked != 0; }

OptionValues encode_values(const TransferSyntax& syntax, bool prefer_library, const dcmturbo_option_value* values,
                           size_t count) {
    if (count == 0) return {};
    return check_options(encode_options(syntax, prefer_library), syntax.name, named_values(values, count));
}

}  // namespace dcmturbo::abi

int32_t dcmturbo_encode_option_at(const char* transfer_syntax, int32_t prefer_library, size_t i,
                                  dcmturbo_option* option, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        row_at(encode_options(abi::required_syntax(transfer_syntax), abi::library_is_preferred(prefer_library)), i,
               *option);
    });
}

int32_t dcmturbo_decode_option_at(size_t i, dcmturbo_option* option, dcmturbo_error* error) {
    return abi::guarded(error, [&] { row_at(decode_options(), i, *option); });
}

int32_t dcmturbo_check_encode_options(const char* transfer_syntax, int32_t prefer_library,
                                      const dcmturbo_option_value* values, size_t count, uint8_t* loses,
                                      dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const TransferSyntax& syntax = abi::required_syntax(transfer_syntax);
        const bool prefers = abi::library_is_preferred(prefer_library);
        *loses = abi::encode_values(syntax, prefers, values, count).asks_for_loss() ? 1 : 0;
    });
}

int32_t dcmturbo_set_decode_option(const dcmturbo_option_value* value, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const std::vector<const Option*> table = decode_options();
        const OptionValues checked = check_options(table, "decoding", named_values(value, 1));
        Settings wanted = settings();
        OptionValues values;
        for (const Option* option : table) {
            const OptionValues& from = checked.is_given(*option) ? checked : wanted.decode_values();
            // Values that equal the default are not stored, so decoders need not look them up.
            if (from.is_given(*option) && !from.is_default(*option))
                values.set(*option, from.number(*option), from.word(*option) >= 0);
        }
        wanted.decode_options = values.empty() ? nullptr : kept_values(values);
        set_settings(wanted);
    });
}

int32_t dcmturbo_get_decode_option(const char* name, dcmturbo_option_value* value, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const std::vector<const Option*> table = decode_options();
        // Throws if there is no option with this name.
        check_options(table, "decoding", std::vector<NamedValue>{{.name = name}});
        const Settings current = settings();
        for (const Option* option : table) {
            if (std::strcmp(option->name, name) != 0) continue;
            const OptionValues& from = current.decode_values();
            const int word = from.word(*option);
            value->name = option->name;
            value->number = from.number(*option);
            value->text = word < 0 ? nullptr : option->words[static_cast<size_t>(word)];
            value->type = word >= 0 ? uint8_t{DCMTURBO_TEXT} : static_cast<uint8_t>(option->type);
        }
    });
}
