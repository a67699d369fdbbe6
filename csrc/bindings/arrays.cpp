// Makes the arrays that results are decoded into. For a small frame this takes as long as decoding it, so that the
// small case does without pybind11 and makes one array only.
#include <array>
#include <cstdint>
#include <utility>

#include "base/thread_places.h"
#include "bindings/common.h"

namespace dcmturbo::bindings {

namespace {

constexpr std::size_t alignment = 64;

// The memory of a small array. An array of bytes would do, but numpy takes as long to make a second array as to make
// the first. Numpy asks the owner of an array for its buffer when WRITEABLE is set again.
struct Block {
    PyObject_VAR_HEAD Py_ssize_t capacity;
    [[nodiscard]] void* data() {
        const auto begin = reinterpret_cast<std::uintptr_t>(this) + sizeof(Block);
        return reinterpret_cast<void*>((begin + alignment - 1) / alignment * alignment);
    }
};

int block_buffer(PyObject* self, Py_buffer* view, int flags) {
    auto* const block = reinterpret_cast<Block*>(self);
    return PyBuffer_FillInfo(view, self, block->data(), Py_SIZE(self), 0, flags);
}

// The last block that each thread freed, for its next array: the allocator takes as long for one as a tenth of a small
// frame.
constexpr Py_ssize_t most_kept = Py_ssize_t{256} << 10;
ThreadPlaces<Block> kept;

void free_block(PyObject* self) {
    auto* block = reinterpret_cast<Block*>(self);
    if (block->capacity <= most_kept) block = kept.own().exchange(block, std::memory_order_acq_rel);
    PyObject_Free(block);
}

// A static type, because objects do not count as references to it.
PyTypeObject block_type = [] {
    PyTypeObject type = {PyVarObject_HEAD_INIT(nullptr, 0)};
    static PyBufferProcs buffer = {.bf_getbuffer = block_buffer, .bf_releasebuffer = nullptr};
    type.tp_name = "dcmturbo._core.Block";
    type.tp_doc = "The memory of an array that dcmturbo has made.";
    type.tp_basicsize = sizeof(Block) + alignment - 1;
    type.tp_itemsize = 1;
    type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    type.tp_dealloc = free_block;
    type.tp_as_buffer = &buffer;
    return type;
}();

// May be twice as large as needed.
py::object new_block(py::ssize_t size) {
    Block* block = size <= most_kept ? kept.own().exchange(nullptr, std::memory_order_acq_rel) : nullptr;
    if (block != nullptr && (block->capacity < size || block->capacity > 2 * size))
        PyObject_Free(std::exchange(block, nullptr));
    if (block != nullptr) {
        PyObject_InitVar(reinterpret_cast<PyVarObject*>(block), &block_type, size);
    } else {
        block = PyObject_NewVar(Block, &block_type, size);
        if (block == nullptr) throw py::error_already_set();
        block->capacity = size;
    }
    return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(block));
}

// An array of memory that `owner` keeps.
py::array array_in(py::handle dtype, std::span<const py::ssize_t> shape, void* data, py::object owner) {
    const auto& numpy = py::detail::npy_api::get();
    constexpr int flags = py::detail::npy_api::NPY_ARRAY_WRITEABLE_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_ |
                          py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_;
    auto array = py::reinterpret_steal<py::array>(
        numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, dtype.inc_ref().ptr(), static_cast<int>(shape.size()),
                                    shape.data(), nullptr, data, flags, nullptr));
    if (!array || numpy.PyArray_SetBaseObject_(array.ptr(), owner.release().ptr()) < 0) throw py::error_already_set();
    return array;
}

}  // namespace

void bind_arrays() {
    if (PyType_Ready(&block_type) < 0) throw py::error_already_set();
}

py::array aligned_empty(const py::dtype& dtype, std::span<const py::ssize_t> shape) {
    py::ssize_t size = dtype.itemsize();
    for (const py::ssize_t extent : shape) size *= extent;
    if (size < 0) throw std::bad_alloc();
    constexpr py::ssize_t smallest_block = py::ssize_t{1} << 20;
    if (size < smallest_block) {
        py::object owner = new_block(size);
        void* const data = reinterpret_cast<Block*>(owner.ptr())->data();
        return array_in(dtype, shape, data, std::move(owner));
    }
    struct Owned {
        void* block;
        std::size_t size;
    };
    auto owned = std::make_unique<Owned>(
        Owned{dcmturbo_output_allocate(static_cast<std::size_t>(size)), static_cast<std::size_t>(size)});
    if (owned->block == nullptr) throw std::bad_alloc();
    void* const block = owned->block;
    py::capsule owner(owned.get(), [](void* pointer) {
        const std::unique_ptr<Owned> last(static_cast<Owned*>(pointer));
        dcmturbo_output_free(last->block, last->size);
    });
    owned.release();
    return array_in(dtype, shape, block, std::move(owner));
}

dcmturbo_image image_of(const py::array& frame) {
    dcmturbo_image image{};
    image.base = const_cast<void*>(frame.data());
    image.row_stride = frame.strides(0);
    image.pixel_stride = frame.strides(1);
    image.sample_stride = frame.ndim() == 3 ? frame.strides(2) : 0;
    return image;
}

}  // namespace dcmturbo::bindings
