// The options of codecs. Each codec declares a constant table of its options. The C ABI, Python, the command line, the
// plugin for pydicom and the documentation read these tables. A new option is therefore one row in the room of its
// codec.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmturbo {

// The values are part of the C ABI (dcmturbo.h).
enum class OptionType : std::uint8_t {
    flag,
    integer,
    number,
    choice,  // one of a list of words
};

enum class OptionUse : std::uint8_t { encoding, decoding };

struct Option {
    // Values of `loses_from`: `never` for an option that loses nothing, `any_value` for one that always loses
    // something.
    static constexpr double never = std::numeric_limits<double>::infinity();
    static constexpr double any_value = -std::numeric_limits<double>::infinity();
    static constexpr double no_default = std::numeric_limits<double>::quiet_NaN();
    static constexpr double no_bound = std::numeric_limits<double>::infinity();

    const char* name;
    const char* meaning;  // one sentence for the documentation
    OptionType type;
    OptionUse use = OptionUse::encoding;
    // The smallest and largest allowed value of an integer or a number.
    double lowest = 0;
    double highest = no_bound;
    // The words of a choice. An integer or a number may have words too, which can be given instead of a number. Unused
    // places are null.
    std::array<const char*, 6> words{};
    // The value if the option is not given. For a flag it is 0 or 1; for a choice, the index of its word.
    double default_value = no_default;
    // This value and all above it lose information.
    double loses_from = never;
    // True if no sample of the decoded frame differs from the original by more than the value.
    bool bounds_error = false;

    [[nodiscard]] constexpr bool has_default() const { return default_value == default_value; }
    [[nodiscard]] constexpr bool can_lose() const { return loses_from != never; }
    // The index of a word; -1 if it is not among the words.
    [[nodiscard]] int place_of(std::string_view word) const;
    // Describes the allowed values for messages: "a whole number from 1 to 7, or 'best'".
    [[nodiscard]] std::string allowed() const;
};

using OptionTable = std::span<const Option* const>;

// The values that a caller has given. They have been checked against a table.
class OptionValues {
  public:
    // These return the value that was given, or the default.
    [[nodiscard]] bool flag(const Option& option) const { return number(option) != 0; }
    [[nodiscard]] std::int64_t integer(const Option& option) const { return static_cast<std::int64_t>(number(option)); }
    [[nodiscard]] double number(const Option& option) const {
        const Given* const given = find(option);
        return given == nullptr ? option.default_value : given->value;
    }
    // The index of the value among the option's words; -1 if the value is a number.
    [[nodiscard]] int word(const Option& option) const {
        const Given* const given = find(option);
        if (given == nullptr) return option.type == OptionType::choice ? static_cast<int>(option.default_value) : -1;
        return given->is_word ? static_cast<int>(given->value) : -1;
    }
    [[nodiscard]] bool is_given(const Option& option) const { return find(option) != nullptr; }
    // Whether the option has its default value, given or not.
    [[nodiscard]] bool is_default(const Option& option) const {
        const Given* const given = find(option);
        return given == nullptr ||
               (given->value == option.default_value && given->is_word == (option.type == OptionType::choice));
    }
    [[nodiscard]] bool empty() const { return given_.empty(); }
    // Whether a value that was given loses information.
    [[nodiscard]] bool asks_for_loss() const;

    // Replaces a value given before. The option must outlive this object.
    void set(const Option& option, double value, bool is_word = false);

    bool operator==(const OptionValues&) const = default;

  private:
    struct Given {
        const Option* option;
        double value;
        bool is_word;
        bool operator==(const Given&) const = default;
    };

    [[nodiscard]] const Given* find(const Option& option) const {
        for (const Given& given : given_) {
            if (given.option == &option) return &given;
        }
        return nullptr;
    }

    std::vector<Given> given_;
};

extern const OptionValues& no_option_values;

// A value as the caller passes it, not yet checked.
struct NamedValue {
    // The values are part of the C ABI (dcmturbo.h).
    enum class Type : std::uint8_t {
        flag,
        integer,
        number,
        text,
        none,   // treated as not given, but the option must exist
        other,  // a type that no option accepts; `text` shows the value
    };

    std::string_view name;
    Type type = Type::none;
    double number = 0;
    std::string_view text{};
};

// Checks values against a table. `owner` is the codec or transfer syntax that messages name. Throws DecodeError:
// `option` for an unknown name or a value of another type, `argument` for a value that is not allowed.
OptionValues check_options(OptionTable table, std::string_view owner, std::span<const NamedValue> values);

}  // namespace dcmturbo
