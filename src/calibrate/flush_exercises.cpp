// What mprotect takes, by how many present pages it changes: their entries have to be flushed from
// the TLB. Up to 33 pages the kernel flushes page by page, beyond that everything at once
// (tlb_single_page_flush_ceiling, arch/x86/mm/tlb.c).
#include <sys/mman.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "base/units.h"
#include "calibrate/area.h"
#include "calibrate/exercise.h"
#include "calibrate/neighbour.h"

namespace ft::calibrate {

namespace {

constexpr std::uint64_t kMargin = 16;
constexpr std::uint64_t kFlips = 32;

// Flips between writable and not, of a piece in the middle of an area with `pages` of it present.
Exercise flips(Kind kind, std::uint32_t pages, int neighbour_cpu) {
  const auto area = std::make_shared<Area>();
  const auto neighbour = std::make_shared<Neighbour>();
  const std::uint64_t piece = pages == 0 ? kMargin : pages;
  return {.key = {kind, pages},
          .counts = Counts::Calls,
          .operations = 2 * kFlips,
          .prepare =
              [=] {
                *area = Area::small_pages((piece + 2 * kMargin) * kPageSize);
                if (!*area) return false;
                for (std::uint64_t page = 0; page < pages; ++page) {
                  write_byte(area->page(kMargin + page));
                }
                return kind != Kind::MprotectTwoCpus || neighbour->start(neighbour_cpu, [] {});
              },
          .run =
              [=](Pause pause) {
                char* const start = area->page(kMargin);
                const bool together = kind == Kind::MprotectTwoCpus;
                if (together) neighbour->watch();
                for (std::uint64_t i = 0; i < kFlips; ++i) {
                  for (const int protection : {PROT_READ, PROT_READ | PROT_WRITE}) {
                    pause();
                    if (::mprotect(start, piece * kPageSize, protection) != 0) return false;
                  }
                }
                // Where the neighbour was not running there was nobody to interrupt.
                errno = EBUSY;
                return !together || neighbour->ran_along();
              },
          .clean =
              [=] {
                neighbour->stop();
                area->reset();
              },
          .pauses = pages == 0};
}

}  // namespace

void add_flushes(std::optional<int> other_cpu, Exercises& exercises) {
  for (const std::uint32_t pages : {0U, 1U, 32U, 64U, 512U}) {
    exercises.list.push_back(flips(Kind::Mprotect, pages, -1));
  }
  if (!other_cpu) {
    exercises.left_out.emplace_back(
        "flush_remote, fault_anon_2m_of_two: this process may run on one CPU only");
    return;
  }
  exercises.list.push_back(flips(Kind::MprotectTwoCpus, 1, *other_cpu));
}

}  // namespace ft::calibrate
