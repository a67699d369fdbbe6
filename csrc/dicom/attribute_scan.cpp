// Finds attributes in nested sequences: PS3.5 clause 7.5.
#include "dicom/attribute_scan.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "dicom/sequence_items.h"
#include "dicom/sequence_skip.h"

namespace dcmturbo {

namespace {

constexpr std::uint32_t no_path = 0xFFFFFFFF;
// The paths come from our own callers, and are short.
constexpr std::size_t longest_path = 16;

// The paths as a tree. Children of one node are few, so a search from the front is fast.
struct Node {
    std::uint32_t tag = 0;
    std::uint32_t path = no_path;  // the path that ends here
    std::vector<std::size_t> children{};
};

class PathTree {
  public:
    explicit PathTree(std::span<const std::span<const std::uint32_t>> paths) : nodes_(1) {
        for (std::size_t i = 0; i < paths.size(); ++i) {
            if (paths[i].empty() || paths[i].size() > longest_path)
                fail(ErrorCode::argument, no_offset, "a path must have 1 to %zu tags", longest_path);
            std::size_t at = 0;
            for (const std::uint32_t tag : paths[i]) at = child_or_new(at, tag);
            nodes_[at].path = static_cast<std::uint32_t>(i);
        }
    }
    // The root has no number that a child could have, so 0 means that there is no such child.
    [[nodiscard]] std::size_t child(std::size_t of, std::uint32_t tag) const {
        for (const std::size_t i : nodes_[of].children)
            if (nodes_[i].tag == tag) return i;
        return 0;
    }
    [[nodiscard]] const Node& operator[](std::size_t i) const { return nodes_[i]; }

  private:
    std::size_t child_or_new(std::size_t of, std::uint32_t tag) {
        if (const std::size_t found = child(of, tag)) return found;
        nodes_.push_back({tag});
        nodes_[of].children.push_back(nodes_.size() - 1);
        return nodes_.size() - 1;
    }
    std::vector<Node> nodes_;
};

// A sequence or an item on the way to an attribute; the first level is the dataset.
struct Level {
    std::size_t node = 0;
    std::uint64_t end = 0;
    std::uint32_t items = 0;  // of a sequence: how many have begun
    bool is_item = true;
    Encoding encoding;
};

class AttributeWalk {
  public:
    AttributeWalk(const Source& source, const PathTree& tree, const std::function<void(const FoundValue&)>& report)
        : reader_(source), tree_(tree), report_(report) {}

    void run(std::uint64_t offset, Encoding encoding, std::uint32_t stop_tag) {
        levels_.push_back({0, reader_.size(), 0, true, encoding});
        ElementHeader header;
        for (;;) {
            while (levels_.size() > 1 && offset >= levels_.back().end) {
                offset = levels_.back().end;
                levels_.pop_back();
            }
            const Level level = levels_.back();
            if (offset >= level.end || !reader_.read_header(offset, level.encoding, header)) return;
            if (!level.is_item) {
                offset = in_sequence(offset, header);
            } else if (levels_.size() == 1) {
                if (header.group() != 0xFFFE && header.tag >= stop_tag) return;
                offset = in_dataset(header, level);
            } else {
                offset = in_item(offset, header, level);
            }
        }
    }

  private:
    // Returns where to continue. Each of these either moves on or removes a level.
    std::uint64_t in_sequence(std::uint64_t offset, const ElementHeader& header) {
        if (header.tag == item_tag) {
            Level& sequence = levels_.back();
            ++sequence.items;
            Level item = sequence;
            item.is_item = true;
            if (!header.is_undefined()) item.end = std::min(header.end(), sequence.end);
            item.encoding = encoding_of_content(reader_, header, sequence.encoding, sequence.encoding.explicit_vr);
            levels_.push_back(item);
            return header.value;
        }
        levels_.pop_back();
        return header.tag == sequence_delimiter_tag ? header.value : offset;
    }

    std::uint64_t in_item(std::uint64_t offset, const ElementHeader& header, const Level& level) {
        if (header.tag == item_delimiter_tag) {
            levels_.pop_back();
            return header.value;
        }
        if (header.tag == item_tag || header.tag == sequence_delimiter_tag) {  // the item has no delimiter
            levels_.pop_back();
            return offset;
        }
        return in_dataset(header, level);
    }

    std::uint64_t in_dataset(const ElementHeader& header, const Level& level) {
        if (header.group() == 0xFFFE) return header.value;  // a stray item or delimiter
        const std::size_t found = tree_.child(level.node, header.tag);
        if (found != 0) {
            if (tree_[found].path != no_path && !header.is_undefined()) take(header, level, tree_[found].path);
            const bool is_sequence = header.vr[0] == 0 || header.has_vr("SQ") || header.has_vr("UN");
            if (!tree_[found].children.empty() && is_sequence) {
                const std::uint64_t end = header.is_undefined() ? level.end : std::min(header.end(), level.end);
                levels_.push_back({found, end, 0, false, encoding_of_items(header, level.encoding)});
                return header.value;
            }
        }
        if (!header.is_undefined()) return header.end();
        const Skip skip = skip_undefined(reader_, header, level.encoding);
        return std::max(skip.offset, header.value);
    }

    void take(const ElementHeader& header, const Level& level, std::uint32_t path) {
        if (header.end() > level.end) return;
        FoundValue found;
        found.path = path;
        // levels_: the dataset, then a sequence and an item for each sequence of the path.
        if (levels_.size() > 2) {
            found.outer = levels_[1].items - 1;
            found.inner = levels_[levels_.size() - 2].items - 1;
        }
        found.offset = header.value;
        found.value = reader_.read_value(header, header.length);
        if (found.value.size() == header.length) report_(found);
    }

    ElementReader reader_;
    const PathTree& tree_;
    const std::function<void(const FoundValue&)>& report_;
    std::vector<Level> levels_;
};

}  // namespace

void find_attributes(const Source& source, std::uint64_t offset, Encoding encoding, std::uint32_t stop_tag,
                     std::span<const std::span<const std::uint32_t>> paths,
                     const std::function<void(const FoundValue&)>& report) {
    const PathTree tree(paths);
    AttributeWalk(source, tree, report).run(offset, encoding, stop_tag);
}

}  // namespace dcmturbo
