// Decoding and encoding lines, within a target region.

#include "entropy/golomb.inl"

#include "codecs/jpegls/samples.inl"

#include "codecs/jpegls/decode_lines.inl"
#include "codecs/jpegls/encode_lines.inl"

// In pieces of a vector's size. Field by field or one by one it takes as long as to decode some hundred samples.
template <typename T, std::size_t count>
[[gnu::always_inline]] inline void fill_array(std::array<T, count>& to, const T& value) {
    constexpr std::size_t size = sizeof(T) * count;
    char pattern[sizeof(Block)];
    for (std::size_t i = 0; i < sizeof pattern; i += sizeof value) __builtin_memcpy(pattern + i, &value, sizeof value);
    Block values;
    __builtin_memcpy(&values, pattern, sizeof values);
    auto* const begin = reinterpret_cast<char*>(to.data());
    for (std::size_t i = 0; i + sizeof values <= size; i += sizeof values)
        __builtin_memcpy(begin + i, &values, sizeof values);
    __builtin_memcpy(begin + size - sizeof values, &values, sizeof values);
}

static void fill_contexts(Contexts& contexts, const ContextView& view, const RegularContext& context) {
    fill_array(contexts.views, view);
    fill_array(contexts.regular, context);
}

constexpr LineKernels table = {
    .fill_contexts = fill_contexts,
    .decode_line = decode_line,
    .decode_samples = decode_samples,
    .encode_line = encode_line,
    .encode_samples = encode_samples,
};
