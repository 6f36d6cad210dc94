#include "page.h"

#include <algorithm>
#include <cstring>

namespace asof {
namespace {

// Thrift's compact protocol, as far as page headers need it. A read behind the end gives zero and clears `ok`.
class Compact {
public:
    Compact(const uint8_t *bytes, int64_t count) : start(bytes), at(bytes), end(bytes + count) {}

    bool ok = true;

    int64_t position() const { return at - start; }

    // The type of the next field and its number; 0 at the end of a struct.
    int field(int64_t &number) {
        int head = byte();
        if ((head & 15) == 0) return 0;
        number = head >> 4 ? number + (head >> 4) : zigzag();
        return head & 15;
    }

    int64_t zigzag() {
        uint64_t value = varint();
        return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
    }

    void skip(int type, int depth = 0) {
        if (depth > 8) ok = false;
        if (!ok) return;
        switch (type) {
            case 1:
            case 2: return;
            case 3: advance(1); return;
            case 4:
            case 5:
            case 6: varint(); return;
            case 7: advance(8); return;
            case 8: advance(varint()); return;
            case 12: {
                int64_t number = 0;
                while (int inner = field(number)) {
                    skip(inner, depth + 1);
                    if (!ok) return;
                }
                return;
            }
            // Lists, sets and maps do not occur in page headers.
            default: ok = false;
        }
    }

private:
    int byte() {
        if (at >= end) {
            ok = false;
            return 0;
        }
        return *at++;
    }

    uint64_t varint() {
        uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            int next = byte();
            value |= static_cast<uint64_t>(next & 127) << shift;
            if (next < 128) return value;
        }
        ok = false;
        return 0;
    }

    void advance(uint64_t count) {
        if (count > static_cast<uint64_t>(end - at)) {
            ok = false;
            return;
        }
        at += count;
    }

    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
};

bool is_integer(int type) { return type == 5 || type == 6; }

void page_fields(Compact &in, bool is_dictionary, PageHeader &header) {
    int64_t number = 0;
    while (int type = in.field(number)) {
        if (!in.ok) return;
        int64_t *target = nullptr;
        if (number == 1) target = &header.values;
        if (number == 2) target = &header.encoding;
        if (number == 3 && !is_dictionary) target = &header.definition_encoding;
        if (number == 4 && !is_dictionary) target = &header.repetition_encoding;
        if (target && is_integer(type))
            *target = in.zigzag();
        else
            in.skip(type);
    }
}

}  // namespace

bool parse_header(const uint8_t *bytes, int64_t count, PageHeader &header) {
    Compact in(bytes, count);
    int64_t number = 0;
    while (int type = in.field(number)) {
        if (!in.ok) return false;
        int64_t *target = nullptr;
        if (number == 1) target = &header.type;
        if (number == 2) target = &header.uncompressed_bytes;
        if (number == 3) target = &header.compressed_bytes;
        if (number == 4) target = &header.crc;
        if (target && is_integer(type)) {
            *target = in.zigzag();
            // A checksum is an unsigned number in a signed field.
            if (number == 4) header.crc &= 0xFFFFFFFF;
        } else if ((number == 5 || number == 7) && type == 12) {
            page_fields(in, number == 7, header);
        } else {
            in.skip(type);
        }
    }
    header.header_bytes = in.position();
    return in.ok;
}

int64_t decode_hybrid(const uint8_t *bytes, int64_t size, int bit_width, int64_t count, uint32_t *out) {
    if (bit_width < 0 || bit_width > 32) return -1;
    const int64_t value_bytes = (bit_width + 7) / 8;
    const uint32_t mask = bit_width == 32 ? ~0u : (1u << bit_width) - 1;
    int64_t at = 0;
    int64_t done = 0;
    while (done < count) {
        uint64_t head = 0;
        int shift = 0;
        while (true) {
            if (at >= size || shift > 56) return -1;
            uint8_t next = bytes[at++];
            head |= static_cast<uint64_t>(next & 127) << shift;
            if (next < 128) break;
            shift += 7;
        }
        if (head & 1) {
            int64_t groups = static_cast<int64_t>(head >> 1);
            if (groups > (size - at) / std::max(bit_width, 1) + 1) return -1;
            int64_t packed = groups * bit_width;
            if (packed > size - at) return -1;
            int64_t wanted = std::min(groups * 8, count - done);
            for (int64_t index = 0; index < wanted; index++) {
                int64_t bit = index * bit_width;
                uint64_t word = 0;
                int64_t first = at + (bit >> 3);
                std::memcpy(&word, bytes + first, static_cast<size_t>(std::min<int64_t>(8, size - first)));
                out[done + index] = static_cast<uint32_t>(word >> (bit & 7)) & mask;
            }
            at += packed;
            done += wanted;
        } else {
            int64_t run = static_cast<int64_t>(head >> 1);
            if (value_bytes > size - at || run == 0) return -1;
            uint32_t value = 0;
            std::memcpy(&value, bytes + at, static_cast<size_t>(value_bytes));
            if (value > mask) return -1;
            at += value_bytes;
            int64_t wanted = std::min(run, count - done);
            std::fill_n(out + done, wanted, value);
            done += wanted;
        }
    }
    return at;
}

}  // namespace asof
