#include "base/option.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "base/error.h"

using namespace dcmturbo;

namespace {

constexpr Option depth{.name = "depth",
                       .meaning = "",
                       .type = OptionType::integer,
                       .lowest = 1,
                       .highest = 7,
                       .words = {"best"},
                       .default_value = 3};
constexpr Option size{
    .name = "size", .meaning = "", .type = OptionType::number, .lowest = 1, .loses_from = Option::any_value};
constexpr Option near{.name = "near",
                      .meaning = "",
                      .type = OptionType::integer,
                      .lowest = 0,
                      .highest = 255,
                      .default_value = 0,
                      .loses_from = 1};
constexpr Option order{
    .name = "order", .meaning = "", .type = OptionType::choice, .words = {"line", "sample"}, .default_value = 1};
constexpr Option mark{.name = "mark", .meaning = "", .type = OptionType::flag, .default_value = 0};
constexpr std::array<const Option*, 5> table{&depth, &size, &near, &order, &mark};

using Type = NamedValue::Type;

OptionValues checked(std::initializer_list<NamedValue> values) {
    return check_options(table, "a codec", {values.begin(), values.size()});
}

// The message of the error, behind its code.
std::string refused(std::initializer_list<NamedValue> values) {
    try {
        checked(values);
    } catch (const DecodeError& error) {
        return (error.code == ErrorCode::option ? "type: " : "value: ") + error.message;
    }
    return "";
}

}  // namespace

TEST_CASE("option: defaults hold where nothing is given") {
    const OptionValues values = checked({{.name = "depth", .type = Type::none}});
    CHECK(values.empty());
    CHECK(values.integer(depth) == 3);
    CHECK(values.word(depth) == -1);
    CHECK(values.word(order) == 1);
    CHECK_FALSE(values.flag(mark));
    CHECK_FALSE(values.asks_for_loss());
    CHECK(values.is_default(depth));
}

TEST_CASE("option: values of every type") {
    const OptionValues values = checked({{.name = "depth", .type = Type::text, .text = "best"},
                                         {.name = "size", .type = Type::integer, .number = 20},
                                         {.name = "order", .type = Type::text, .text = "line"},
                                         {.name = "mark", .type = Type::integer, .number = 1}});
    CHECK(values.word(depth) == 0);
    CHECK_FALSE(values.is_default(depth));
    CHECK(values.number(size) == 20);
    CHECK(values.word(order) == 0);
    CHECK(values.flag(mark));
    CHECK(checked({{.name = "depth", .type = Type::number, .number = 5}}).integer(depth) == 5);
    CHECK(checked({{.name = "order", .type = Type::text, .text = "sample"}}).is_default(order));
}

TEST_CASE("option: loss is asked for from a value on") {
    CHECK_FALSE(checked({{.name = "near", .type = Type::integer, .number = 0}}).asks_for_loss());
    CHECK(checked({{.name = "near", .type = Type::integer, .number = 1}}).asks_for_loss());
    CHECK(checked({{.name = "size", .type = Type::number, .number = 1}}).asks_for_loss());
    CHECK(refused({{.name = "near", .type = Type::integer, .number = 1},
                   {.name = "size", .type = Type::integer, .number = 2}}) ==
          "type: size and near each say how much may be lost: give one of them");
}

TEST_CASE("option: what is refused says what is allowed") {
    CHECK(refused({{.name = "deep"}}) ==
          "type: a codec has no option 'deep': its options are depth, size, "
          "near, order and mark");
    CHECK(refused({{.name = "depth", .type = Type::integer, .number = 8}}) ==
          "value: depth is 8; expected a whole number from 1 to 7, or 'best'");
    CHECK(refused({{.name = "depth", .type = Type::number, .number = 2.5}}) ==
          "type: depth is 2.5; expected a whole number from 1 to 7, or 'best'");
    CHECK(refused({{.name = "depth", .type = Type::text, .text = "worst"}}) ==
          "value: depth is 'worst'; expected a whole number from 1 to 7, or "
          "'best'");
    CHECK(refused({{.name = "near", .type = Type::text, .text = "x"}}) ==
          "type: near is 'x'; expected a whole number from 0 to 255");
    CHECK(refused({{.name = "size", .type = Type::number, .number = std::numeric_limits<double>::quiet_NaN()}}) ==
          "value: size is nan; expected a number of at least 1");
    CHECK(refused({{.name = "order", .type = Type::integer, .number = 1}}) ==
          "type: order is 1; expected 'line' or 'sample'");
    CHECK(refused({{.name = "mark", .type = Type::integer, .number = 2}}) ==
          "value: mark is 2; expected true or false");
    CHECK(refused({{.name = "mark", .type = Type::other, .text = "[1]"}}) ==
          "type: mark is [1]; expected true or false");
}
