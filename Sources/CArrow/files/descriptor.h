#pragma once

#include <unistd.h>

#include <utility>

namespace asof {

// An open file's descriptor, closed with its owner; -1 = none.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int number) : held(number) {}
    Descriptor(Descriptor &&other) noexcept : held(other.release()) {}
    Descriptor &operator=(Descriptor &&other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }
    ~Descriptor() { reset(-1); }

    int number() const { return held; }
    // Hands it over to somebody who closes it.
    int release() { return std::exchange(held, -1); }

private:
    void reset(int number) {
        if (held >= 0) close(held);
        held = number;
    }

    int held = -1;
};

}  // namespace asof
