// The same for C++: namespaces, templates, members, an inlined constructor, a lambda.
//
// SPDX-License-Identifier: MIT
#include <cstdlib>

// Not specialised either: the names are to stay those of the source.
#ifdef __clang__
#define SUBJECT_KEPT __attribute__((noinline))
#else
#define SUBJECT_KEPT __attribute__((noipa))
#endif

namespace subject
{
struct Block {
    explicit Block(std::size_t n) : data(std::malloc(n))
    {
    }
    ~Block()
    {
        std::free(data);
    }
    void *data;
};

class Registry
{
  public:
    template <typename Key> SUBJECT_KEPT bool add(Key key, int n);
    SUBJECT_KEPT int count(const char *name) const;
};

template <typename Key> bool Registry::add(Key key, int n)
{
    Block block(sizeof(key) + static_cast<std::size_t>(n));

    return block.data != nullptr;
}

int Registry::count(const char *name) const
{
    auto take = [name](int n) SUBJECT_KEPT {
        return std::malloc(static_cast<std::size_t>(n) + (name != nullptr));
    };
    void *block = take(3);

    std::free(block);
    return block != nullptr;
}
} // namespace subject

int main(int argc, char **argv)
{
    subject::Registry registry;

    return registry.add(3.0, argc) + registry.add("key", 4) + registry.count(argv[0]);
}
