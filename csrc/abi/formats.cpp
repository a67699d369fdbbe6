// The C ABI of the tables of formats and transfer syntaxes: their rows as plain structs.
#include "codecs/formats.h"

#include "abi/convert.h"
#include "codecs/probe.h"
#include "codecs/transfer_syntaxes.h"
#include "process/settings.h"

using namespace dcmturbo;

namespace {

// Returns the name of a value of an enumeration. The names are in the order of the values. `last` is the last value;
// the assertion fails if a name is missing.
template <auto last, std::size_t count>
constexpr const char* name_of(decltype(last) value, const char* const (&names)[count]) {
    static_assert(count == static_cast<std::size_t>(last) + 1, "a name for each value");
    return names[static_cast<std::size_t>(value)];
}

const char* start_name(FrameStart start) {
    return name_of<FrameStart::one_fragment>(start, {"codestream", "rle", "size", "one_fragment"});
}

const char* bits_name(SingleBits bits) {
    return name_of<SingleBits::rarely_read>(bits, {"none", "held", "rarely_read"});
}

const char* sign_name(Sign sign) {
    return name_of<Sign::stated_unsigned>(sign, {"in_cells", "unsigned_only", "none", "stated", "stated_unsigned"});
}

const char* loss_name(Loss loss) { return name_of<Loss::always>(loss, {"never", "possible", "always"}); }

const char* dataset_name(DatasetEncoding dataset) {
    return name_of<DatasetEncoding::deflated>(dataset,
                                              {"explicit_little", "implicit_little", "explicit_big", "deflated"});
}

uint8_t flag(bool value) { return value ? 1 : 0; }

}  // namespace

size_t dcmturbo_format_count(void) { return format_count; }

int32_t dcmturbo_format_at(size_t i, dcmturbo_format_row* to) {
    if (i >= format_count) return static_cast<int32_t>(ErrorCode::argument);
    const FormatRow& from = formats[i];
    to->name = from.name;
    to->title = from.title;
    to->family = from.family;
    to->frame_start = start_name(from.start);
    to->single_bits = bits_name(from.single_bits);
    to->sign = sign_name(from.sign);
    to->loss = loss_name(from.loss);
    to->lossy_method = from.lossy_method;
    to->of_rgb = static_cast<uint8_t>(from.of_rgb);
    to->of_rgb_with_loss = static_cast<uint8_t>(from.of_rgb_with_loss);
    to->colours = from.colours;
    to->least_precision = from.least_precision;
    to->most_precision = from.most_precision;
    to->most_samples = from.most_samples;
    to->has_header = flag(from.has_header);
    to->is_recognised = flag(from.has_header || from.looks_right != nullptr);
    to->container_allowed = flag(from.container_allowed);
    to->keeps_all_bits = flag(from.keeps_all_bits);
    to->stored_in_planes = flag(from.stored_in_planes);
    to->has_grid = flag(from.has_grid);
    to->most_reduce = from.most_reduce;
    to->has_components = flag(from.has_components);
    to->exact = flag(from.exact);
    to->is_deflated = flag(from.is_deflated);
    to->holds_float = flag(from.holds_float);
    to->holds_native_frames = flag(from.holds_native_frames);
    to->own = flag(from.own != nullptr);
    to->library = flag(from.library != nullptr);
    to->own_encodes = flag(from.own != nullptr && from.own->encode != nullptr);
    to->library_encodes = flag(from.library_encodes);
    return DCMTURBO_OK;
}

size_t dcmturbo_transfer_syntax_count(void) { return transfer_syntaxes().size(); }

int32_t dcmturbo_transfer_syntax_at(size_t i, dcmturbo_transfer_syntax* to) {
    if (i >= transfer_syntaxes().size()) return static_cast<int32_t>(ErrorCode::argument);
    const TransferSyntax& from = transfer_syntaxes()[i];
    const FormatRow& row = row_of(from.format);
    to->uid = from.uid.data();
    to->keyword = from.keyword.data();
    to->name = from.name.data();
    to->family = row.family;
    to->encapsulated = flag(from.encapsulated);
    to->lossless_only = flag(from.lossless_only);
    to->own = flag(row.own != nullptr);
    to->library = flag(row.library != nullptr);
    to->encodes = flag(encoder_of(from, false) == Coder::own);
    to->library_encodes = flag(encoder_of(from, true) == Coder::library);
    to->retired = flag(from.retired);
    to->general = flag(from.general);
    to->format = row.name;
    to->made_from = from.made_from == Format::unknown ? "" : row_of(from.made_from).name;
    to->dataset = dataset_name(from.dataset);
    return DCMTURBO_OK;
}

uint8_t dcmturbo_encoder_of(const char* transfer_syntax) {
    uint8_t coder = 0;
    dcmturbo_error ignored{};
    abi::guarded(&ignored, [&] {
        const TransferSyntax& syntax = abi::required_syntax(transfer_syntax);
        coder = static_cast<uint8_t>(encoder_of(syntax, settings().prefer_library));
    });
    return coder;
}

int32_t dcmturbo_keeps_promises(const char* transfer_syntax, const dcmturbo_header* header) {
    const TransferSyntax* syntax = find_transfer_syntax(transfer_syntax);
    return syntax != nullptr && keeps_promises(*syntax, header->header) ? 1 : 0;
}

size_t dcmturbo_recognise(dcmturbo_bytes data) {
    return static_cast<size_t>(recognise({reinterpret_cast<const std::byte*>(data.data), data.size}));
}
