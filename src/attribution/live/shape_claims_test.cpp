#include <gtest/gtest.h>

#include <array>

#include "attribution/live/claims.h"

namespace ft::attribution {
namespace {

using jvm::Subsystem;

// As the kernel of a JVM in the lab had it: a compiler's stack, known from the C library's data,
// was joined with the first piece of metaspace behind it.
TEST(ShapeClaims, MetaspaceBehindAStackThatItWasJoinedWith) {
  const auto maps = host::parse_maps(
      "7f7148f00000-7f7148f04000 ---p 00000000 00:00 0\n"
      "7f7148f04000-7f7149020000 rw-p 00000000 00:00 0\n"
      "7f7149020000-7f7149400000 ---p 00000000 00:00 0\n"
      "7f7149400000-7f7149410000 rw-p 00000000 00:00 0\n"
      "7f7149410000-7f714d000000 ---p 00000000 00:00 0\n"
      "7f8000000000-7f8040000000 rw-p 00000000 00:00 0\n");  // the heap: the largest
  ASSERT_TRUE(maps);
  Claims claims;
  const Claim stack{.owner = {Subsystem::JvmThreadStacks, Evidence::LibcData, "C1 CompilerThre"}};
  claims.assign({0x7f7148f00000, 0x7f7149000000}, stack);
  claim_by_shape(*maps, claims);
  const auto owner_at = [&](std::uint64_t address) {
    const Claim* claim = claims.find(address).second;
    return claim ? claim->owner.subsystem : Subsystem::Unknown;
  };
  EXPECT_EQ(owner_at(0x7f7148f05000), Subsystem::JvmThreadStacks);
  constexpr std::array<std::uint64_t, 5> kMetaspace = {
      0x7f7149000000, 0x7f714901f000, 0x7f7149020000, 0x7f7149400000, 0x7f714cfff000};
  for (const std::uint64_t address : kMetaspace) {
    EXPECT_EQ(owner_at(address), Subsystem::Metaspace) << std::hex << address;
  }
}

}  // namespace
}  // namespace ft::attribution
