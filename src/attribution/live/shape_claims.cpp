// What mappings look like, where nothing may be read: sizes, rights, neighbours and addresses that
// HotSpot and the C library give their memory (docs/map.md lists them with what they get wrong).
#include <algorithm>
#include <optional>

#include "attribution/live/claims.h"
#include "attribution/live/glibc_memory.h"
#include "base/units.h"

namespace ft::attribution {

namespace {

using host::Vma;
using jvm::Subsystem;

constexpr std::uint64_t kMetaspaceNode = 64 * kMiB;
constexpr std::uint64_t kArchiveAlignment = 16 * kMiB;
constexpr std::uint64_t kUsualClassSpace = kGiB;
// With compilation in tiers, which is usual; 48 MiB without.
constexpr std::uint64_t kUsualCodeCache = 240 * kMiB;
// Compressed class pointers and heaps reach to here; the C library's brk starts far above.
constexpr std::uint64_t kLowMemory = 64 * kGiB;

bool accessible(const Vma& area) {
  return area.readable || area.writable || area.executable;
}
bool is_archive(const Vma& area) {
  return area.path().ends_with(".jsa") || area.path().ends_with(".aot");
}

// Neighbours without a gap, areas [first, last).
struct Chain {
  std::size_t first = 0;
  std::size_t last = 0;
  AddressRange range;
};

class ShapeClaimer {
 public:
  ShapeClaimer(std::span<const Vma> areas, Claims& claims) : areas_(areas), claims_(claims) {}

  void run() {
    claim_archive();
    claim_code();
    claim_heap();
    claim_arenas();
    claim_stacks();
    claim_metaspace();
    claim_small();
  }

 private:
  void claim(AddressRange range, Subsystem subsystem, Evidence evidence, std::string detail = {},
             bool owns_files = false) {
    for (const AddressRange part : unclaimed(range, claims_)) {
      claims_.assign(part, {{subsystem, evidence, detail}, owns_files});
    }
  }

  bool free_anonymous(const Vma& area) const {
    return is_anonymous(area) && !unclaimed(area.range, claims_).empty();
  }

  // Neighbours of one kind, from area `first` on.
  template <typename Member>
  Chain chain_from(std::size_t first, Member member) const {
    Chain chain{first, first, {areas_[first].range.start, areas_[first].range.start}};
    while (chain.last < areas_.size() && member(areas_[chain.last]) &&
           areas_[chain.last].range.start == chain.range.end) {
      chain.range.end = areas_[chain.last++].range.end;
    }
    return chain;
  }

  // The archive is mapped at the base of a reservation whose rest, from the next 16 MiB on, is the
  // class space: 1 GiB unless the flag says otherwise.
  void claim_archive() {
    for (std::size_t i = 0; i < areas_.size(); ++i) {
      if (!is_archive(areas_[i])) continue;
      // The page before may be the protection zone of 25.
      const Chain archive = chain_from(i, is_archive);
      if (archive.last == areas_.size() || !is_anonymous(areas_[archive.last]) ||
          areas_[archive.last].range.start != archive.range.end) {
        i = archive.last - 1;
        continue;
      }
      const Chain rest = chain_from(archive.last, is_anonymous);
      const std::uint64_t base = archive.range.start / kArchiveAlignment * kArchiveAlignment;
      const std::uint64_t used = archive.range.end - base;
      const std::uint64_t border =
          base + (used + kArchiveAlignment - 1) / kArchiveAlignment * kArchiveAlignment;
      if (rest.range.end <= border || rest.range.size() < kArchiveAlignment) {
        i = archive.last - 1;  // objects in the heap
        continue;
      }
      claim({base, border}, Subsystem::CdsArchive, Evidence::Size, "", true);
      claim({border, std::min(rest.range.end, border + kUsualClassSpace)}, Subsystem::ClassSpace,
            Evidence::Size);
      return;
    }
  }

  void claim_code() {
    for (std::size_t i = 0; i < areas_.size();) {
      const Vma& area = areas_[i];
      const bool code = is_anonymous(area) && area.writable && area.executable;
      if (!code || unclaimed(area.range, claims_).empty()) {
        ++i;
        continue;
      }
      const Chain chain = chain_from(i, [](const Vma& other) {
        return is_anonymous(other) && (!accessible(other) || (other.writable && other.executable));
      });
      claim(code_cache_in(chain), Subsystem::CodeCache, Evidence::Size);
      i = chain.last;
    }
  }

  // The kernel joins what is reserved behind the code cache with its last part: where the whole is
  // longer than a code cache usually is, and there is no code beyond that, it ends there.
  AddressRange code_cache_in(const Chain& chain) const {
    std::uint64_t last_code = chain.range.start;
    for (std::size_t i = chain.first; i < chain.last; ++i) {
      if (accessible(areas_[i])) last_code = areas_[i].range.end;
    }
    const std::uint64_t usual = chain.range.start + kUsualCodeCache;
    if (last_code > usual) return chain.range;
    return {chain.range.start, std::min(chain.range.end, usual)};
  }

  void claim_heap() {
    bool found = false;
    for (std::size_t i = 0; i < areas_.size();) {
      const bool view = areas_[i].name.starts_with("/memfd:java_heap");
      if (!view) {
        ++i;
        continue;
      }
      const Chain chain = chain_from(i, [](const Vma& area) {
        return area.name.starts_with("/memfd:java_heap") ||
               (is_anonymous(area) && !accessible(area));
      });
      claim(chain.range, Subsystem::JavaHeap, Evidence::Size, "", true);
      found = true;
      i = chain.last;
    }
    if (found) return;
    std::optional<Chain> largest_low;
    std::optional<Chain> largest;
    for (std::size_t i = 0; i < areas_.size();) {
      const auto member = [&](const Vma& area) { return free_anonymous(area) || is_archive(area); };
      if (!member(areas_[i])) {
        ++i;
        continue;
      }
      const Chain chain = chain_from(i, member);
      i = chain.last;
      if (chain.range.size() < 2 * kMiB) continue;
      std::optional<Chain>& kept = chain.range.start < kLowMemory ? largest_low : largest;
      if (!kept || chain.range.size() > kept->range.size()) kept = chain;
    }
    const std::optional<Chain>& heap = largest_low ? largest_low : largest;
    if (heap) claim(heap->range, Subsystem::JavaHeap, Evidence::Size, "", true);
  }

  void claim_arenas() {
    std::size_t number = 0;
    for (std::size_t i = 0; i + 1 < areas_.size(); ++i) {
      const Vma& used = areas_[i];
      const Vma& rest = areas_[i + 1];
      if (used.range.start % kArenaHeapSize != 0 || used.range.size() >= kArenaHeapSize) continue;
      if (!is_anonymous(used) || !used.writable || used.executable) continue;
      if (!is_anonymous(rest) || accessible(rest) || rest.range.start != used.range.end) continue;
      const auto whole = AddressRange::of_size(used.range.start, kArenaHeapSize);
      if (rest.range.end < whole.end) continue;
      claim(whole, Subsystem::CHeap, Evidence::ArenaShape, "arena " + std::to_string(++number));
    }
  }

  // glibc's guard is one page below the stack; HotSpot's zones are three pages or more inside it.
  void claim_stacks() {
    for (std::size_t i = 0; i + 1 < areas_.size(); ++i) {
      const Vma& guard = areas_[i];
      const Vma& stack = areas_[i + 1];
      if (!is_anonymous(guard) || accessible(guard) || guard.range.size() > 32 * kPageSize)
        continue;
      if (!is_anonymous(stack) || !stack.writable || stack.executable) continue;
      if (stack.range.start != guard.range.end) continue;
      // Of one that is known, what is left was joined with it by the kernel, and is another's.
      const std::vector<AddressRange> unknown = unclaimed(stack.range, claims_);
      if (unknown.empty() || unknown.front().start != stack.range.start) continue;
      const bool own_guard = guard.range.size() == kPageSize;
      const std::uint64_t size = stack.range.size() + (own_guard ? 0 : guard.range.size());
      const bool usual = size >= 128 * kKiB && size <= 64 * kMiB && size % (64 * kKiB) == 0;
      if (!usual) continue;
      claim({guard.range.start, stack.range.end},
            own_guard ? Subsystem::JvmThreadStacks : Subsystem::JavaThreadStacks,
            Evidence::ThreadStack);
    }
  }

  // A node is 64 MiB, reserved whole and committed from its base in steps of 64 KiB; what lies
  // below it may have been joined with it by the kernel, so it is measured from its end.
  void claim_metaspace() {
    for (std::size_t i = 1; i < areas_.size(); ++i) {
      const Vma& rest = areas_[i];
      if (!free_anonymous(rest) || accessible(rest)) continue;
      if (rest.range.end % kMiB != 0 || rest.range.size() >= kMetaspaceNode) continue;
      const AddressRange node{rest.range.end - kMetaspaceNode, rest.range.end};
      const Vma& used = areas_[i - 1];
      if (!is_anonymous(used) || !used.writable || used.range.end != rest.range.start) continue;
      if (node.start < used.range.start && !covered(node)) continue;
      if ((used.range.end - std::max(node.start, used.range.start)) % (64 * kKiB) != 0) continue;
      if (unclaimed(node, claims_) != std::vector<AddressRange>{node}) continue;
      claim(node, Subsystem::Metaspace, Evidence::Size);
    }
  }

  bool covered(AddressRange range) const {
    auto area = std::ranges::upper_bound(areas_, range.start, {},
                                         [](const Vma& candidate) { return candidate.range.end; });
    std::uint64_t at = range.start;
    for (; area != areas_.end() && at < range.end; ++area) {
      if (area->range.start > at || !is_anonymous(*area)) return false;
      at = area->range.end;
    }
    return at >= range.end;
  }

  // The safepoint page: one page without rights, one that may only be read. A lone page without
  // rights is the one that assertions write to. The segment maps of the code cache are committed
  // five pages at a time.
  void claim_small() {
    constexpr std::uint64_t kSegmentMapStep = 5 * kPageSize;
    for (std::size_t i = 1; i < areas_.size(); ++i) {
      const Vma& area = areas_[i];
      const Vma& below = areas_[i - 1];
      if (!is_anonymous(area) || below.range.end != area.range.start) continue;
      const bool read_only = area.readable && !area.writable && !area.executable;
      if (read_only && area.range.size() == kPageSize && !accessible(below)) {
        claim({area.range.start - kPageSize, area.range.end}, Subsystem::JvmInternal,
              Evidence::Size, "safepoint page");
      }
      if (!accessible(area) && is_anonymous(below) && below.writable &&
          below.range.size() == kSegmentMapStep && area.range.size() <= 16 * kMiB) {
        claim({below.range.start, area.range.end}, Subsystem::CodeCache, Evidence::Size,
              "segment map");
      }
    }
    for (const Vma& area : areas_) {
      if (!is_anonymous(area) || accessible(area) || area.range.size() != kPageSize) continue;
      claim(area.range, Subsystem::JvmInternal, Evidence::Size, "poison page");
    }
  }

  std::span<const Vma> areas_;
  Claims& claims_;
};

}  // namespace

void claim_by_shape(std::span<const Vma> areas, Claims& claims) {
  ShapeClaimer(areas, claims).run();
}

}  // namespace ft::attribution
