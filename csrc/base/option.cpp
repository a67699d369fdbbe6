// Checks option values against the tables of codecs.
#include "base/option.h"

#include <cmath>
#include <cstdio>

#include "base/error.h"

namespace dcmturbo {

namespace {

std::string text_of(double number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.15g", number);
    return text;
}

std::string quoted(std::string_view text) {
    constexpr std::size_t most = 60;
    return "'" + std::string(text.substr(0, most)) + (text.size() > most ? "...'" : "'");
}

// Joins the parts as in "a, b and c".
std::string joined(const std::vector<std::string>& parts, const char* last) {
    std::string result;
    for (std::size_t i = 0; i < parts.size(); ++i)
        result += (i == 0 ? "" : i + 1 < parts.size() ? ", " : last) + parts[i];
    return result;
}

std::string shown(const NamedValue& value) {
    switch (value.type) {
        case NamedValue::Type::flag: return value.number != 0 ? "true" : "false";
        case NamedValue::Type::text: return quoted(value.text);
        case NamedValue::Type::other: return std::string(value.text);
        default: return text_of(value.number);
    }
}

[[noreturn]] void refuse(ErrorCode code, const Option& option, const NamedValue& value) {
    fail(code, no_offset, "%s is %s; expected %s", option.name, shown(value).c_str(), option.allowed().c_str());
}

[[noreturn]] void refuse_unknown(OptionTable table, std::string_view owner, std::string_view name) {
    std::vector<std::string> names;
    for (const Option* option : table) names.emplace_back(option->name);
    const std::string known =
        names.empty() ? "it has no options"
                      : (names.size() == 1 ? "its only option is " : "its options are ") + joined(names, " and ");
    fail(ErrorCode::option, no_offset, "%s has no option %s: %s", std::string(owner).c_str(), quoted(name).c_str(),
         known.c_str());
}

const Option* find(OptionTable table, std::string_view name) {
    for (const Option* option : table) {
        if (option->name == name) return option;
    }
    return nullptr;
}

void take(const Option& option, const NamedValue& value, OptionValues& to) {
    using Type = NamedValue::Type;
    if (value.type == Type::none) return;
    if (value.type == Type::text) {
        const int place = option.place_of(value.text);
        if (place < 0) refuse(option.words[0] == nullptr ? ErrorCode::option : ErrorCode::argument, option, value);
        return to.set(option, place, true);
    }
    const double number = value.number;
    const bool is_whole = std::isinf(number) || number == std::trunc(number);
    switch (option.type) {
        case OptionType::flag:
            if (value.type != Type::flag && value.type != Type::integer) refuse(ErrorCode::option, option, value);
            if (number != 0 && number != 1) refuse(ErrorCode::argument, option, value);
            break;
        case OptionType::integer:
        case OptionType::number:
            if (value.type != Type::integer && value.type != Type::number) refuse(ErrorCode::option, option, value);
            if (option.type == OptionType::integer && !is_whole) refuse(ErrorCode::option, option, value);
            if (!(number >= option.lowest && number <= option.highest)) refuse(ErrorCode::argument, option, value);
            break;
        case OptionType::choice: refuse(ErrorCode::option, option, value);
    }
    to.set(option, number);
}

// Each option that loses information sets how much may be lost, so only one of them may be given.
void refuse_two_losses(OptionTable table, const OptionValues& values) {
    const Option* first = nullptr;
    for (const Option* option : table) {
        if (!option->can_lose() || !values.is_given(*option)) continue;
        if (first != nullptr) {
            fail(ErrorCode::option, no_offset, "%s and %s each say how much may be lost: give one of them", first->name,
                 option->name);
        }
        first = option;
    }
}

}  // namespace

// This object is never destroyed, because daemon threads may still decode while the process exits.
const OptionValues& no_option_values = *new OptionValues;

int Option::place_of(std::string_view word) const {
    for (std::size_t i = 0; i < words.size() && words[i] != nullptr; ++i) {
        if (word == words[i]) return static_cast<int>(i);
    }
    return -1;
}

std::string Option::allowed() const {
    if (type == OptionType::flag) return "true or false";
    std::vector<std::string> parts;
    if (type != OptionType::choice) {
        const char* const kind = type == OptionType::integer ? "a whole number" : "a number";
        parts.push_back(kind + (highest == no_bound ? " of at least " + text_of(lowest)
                                                    : " from " + text_of(lowest) + " to " + text_of(highest)));
    }
    for (const char* word : words) {
        if (word != nullptr) parts.push_back(quoted(word));
    }
    return joined(parts, type == OptionType::choice ? " or " : ", or ");
}

bool OptionValues::asks_for_loss() const {
    for (const Given& given : given_) {
        if (given.option->can_lose() && given.value >= given.option->loses_from) return true;
    }
    return false;
}

void OptionValues::set(const Option& option, double value, bool is_word) {
    for (Given& given : given_) {
        if (given.option != &option) continue;
        given = {&option, value, is_word};
        return;
    }
    given_.push_back({&option, value, is_word});
}

OptionValues check_options(OptionTable table, std::string_view owner, std::span<const NamedValue> values) {
    OptionValues result;
    for (const NamedValue& value : values) {
        const Option* const option = find(table, value.name);
        if (option == nullptr) refuse_unknown(table, owner, value.name);
        take(*option, value, result);
    }
    refuse_two_losses(table, result);
    return result;
}

}  // namespace dcmturbo
