#include <doctest/doctest.h>

#include <cstring>

#include "base/error.h"
#include "dcmturbo.h"

namespace {

constexpr auto wrong_argument = static_cast<int32_t>(dcmturbo::ErrorCode::argument);

dcmturbo_error new_error() {
    dcmturbo_error error{};
    error.size = sizeof error;
    return error;
}

bool says(const dcmturbo_error& error, const char* text) { return std::strstr(error.message, text) != nullptr; }

}  // namespace

TEST_CASE("structs of another version of the interface are refused") {
    dcmturbo_stream stream{};
    dcmturbo_error error = new_error();
    const auto decode = [&] {
        return dcmturbo_decode_frames(nullptr, 0, &stream, 1, 1, 0, 0, nullptr, nullptr, nullptr, &error);
    };
    SUBCASE("streams") {
        for (const uint32_t size : {0U, uint32_t{sizeof stream} - 8, uint32_t{sizeof stream} + 8}) {
            stream.size = size;
            CHECK(decode() == wrong_argument);
            CHECK(says(error, "a dcmturbo_stream has the size"));
        }
        stream.size = sizeof stream;
        stream.transfer_syntax = "1.2.3";
        CHECK(decode() == static_cast<int32_t>(dcmturbo::ErrorCode::unknown_transfer_syntax));
    }
    SUBCASE("plans of transcoding") {
        dcmturbo_transcode_plan plan{};
        dcmturbo_transcoding* transcoding = nullptr;
        CHECK(dcmturbo_transcode(&plan, &transcoding, &error) == wrong_argument);
        CHECK(says(error, "a dcmturbo_transcode_plan has the size 0"));
    }
    SUBCASE("blanking") {
        const dcmturbo_blanking blanking{};
        CHECK(dcmturbo_blank_frame({nullptr, 0}, &blanking, nullptr, nullptr, &error) == wrong_argument);
        CHECK(says(error, "a dcmturbo_blanking has the size 0"));
    }
}
