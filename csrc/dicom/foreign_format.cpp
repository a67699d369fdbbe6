#include "dicom/foreign_format.h"

#include <string_view>

namespace dcmturbo {

namespace {

using namespace std::string_view_literals;

struct Mark {
    std::size_t offset;
    std::string_view bytes;
    const char* meaning;
};

constexpr Mark marks[] = {
    {0, "PK\3\4"sv, "a ZIP archive: unpack it, or name a file in it by a URL, such as zip://PATH::ARCHIVE"},
    {0, "\x1F\x8B"sv, "a file that gzip has compressed: uncompress it first"},
    {0, "BZh"sv, "a file that bzip2 has compressed: uncompress it first"},
    {0,
     "\xFD"
     "7zXZ\0"sv,
     "a file that xz has compressed: uncompress it first"},
    {0, "\x28\xB5\x2F\xFD"sv, "a file that zstd has compressed: uncompress it first"},
    {0, "7z\xBC\xAF"sv, "a 7z archive: unpack it first"},
    {257, "ustar"sv, "a tar archive: unpack it, or name a file in it by a URL, such as tar://PATH::ARCHIVE"},
    {0, "\x89PNG"sv, "a PNG picture: dcmturbo encode makes a DICOM file of it"},
    {0, "\xFF\xD8\xFF"sv, "a JPEG picture: dcmturbo encode makes a DICOM file of it"},
    {0, "II*\0"sv, "a TIFF picture: dcmturbo encode makes a DICOM file of it"},
    {0, "MM\0*"sv, "a TIFF picture: dcmturbo encode makes a DICOM file of it"},
    {0, "\x93NUMPY"sv, "a NumPy array: dcmturbo encode makes a DICOM file of it"},
    {0, "%PDF"sv, "a PDF document"},
    {344, "n+1\0"sv, "a NIfTI file"},
    {0, "NRRD"sv, "an NRRD file"},
    {0, "\x89HDF"sv, "an HDF5 file"},
    {0, "<?xml"sv, "an XML file"},
    {0, "<!DOCTYPE"sv, "a web page, as a server sends it in place of a file"},
    {0, "<!doctype"sv, "a web page, as a server sends it in place of a file"},
    {0, "<html"sv, "a web page, as a server sends it in place of a file"},
};

}  // namespace

const char* name_foreign_format(Bytes start) {
    const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
    for (const Mark& mark : marks) {
        if (text.size() >= mark.offset && text.substr(mark.offset, mark.bytes.size()) == mark.bytes)
            return mark.meaning;
    }
    return "";
}

}  // namespace dcmturbo
