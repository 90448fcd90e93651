// BackingFile is a file, or shared memory, as mappings of it see it: its size, and which of its
// pages are in memory, in blocks (folios) of which order. One for all processes that map it.
//
// Sources: mm/filemap.c, mm/shmem.c, mm/truncate.c, fs/hugetlbfs.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/units.h"
#include "sim/phys/frame_source.h"

namespace ft::sim::virt {

enum class FileKind : std::uint8_t {
  Regular,          // of a file system that writes back: hears of the first write to a page
  Shmem,            // tmpfs, memfd
  SharedAnonymous,  // mmap(MAP_SHARED | MAP_ANONYMOUS): "/dev/zero (deleted)"
  Hugetlb,          // memfd with MFD_HUGETLB, MAP_HUGETLB
  Special,          // no file: pages of the kernel's own, as [vdso] and [vvar] have
};

class BackingFile;

// Told before pages of a file go, so that entries which map them go first (unmap_mapping_range).
class FileMapper {
 public:
  virtual ~FileMapper() = default;
  // Pages from `first` up to, not including, `last`. `own_copies`: those that a private mapping has
  // written to go as well (truncation, not the punching of a hole).
  virtual void unmap_file_pages(const BackingFile& file, std::uint64_t first, std::uint64_t last,
                                bool own_copies) = 0;
};

class BackingFile {
 public:
  // What a regular file has in memory at the beginning.
  enum class Cached : std::uint8_t { Everything, Nothing };

  // Pages come from the frame source of who touches them first; it outlives the file.
  // `page_shift`: 21 or 30 for hugetlb.
  BackingFile(FileKind kind, std::uint64_t bytes, Cached cached = Cached::Everything,
              unsigned page_shift = kPageShift);
  ~BackingFile();
  BackingFile(const BackingFile&) = delete;
  BackingFile& operator=(const BackingFile&) = delete;

  FileKind kind() const { return kind_; }
  unsigned page_shift() const { return page_shift_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t pages() const { return (bytes_ + kPageSize - 1) >> kPageShift; }
  bool is_shmem() const { return kind_ == FileKind::Shmem || kind_ == FileKind::SharedAnonymous; }
  // Whether its file system has mappings placed so that huge pages would fit, as those on disks do
  // (f_op->get_unmapped_area is thp_get_unmapped_area), and 9p and overlayfs do not.
  bool placed_for_huge_pages() const { return placed_for_huge_pages_; }
  void place_anywhere() { placed_for_huge_pages_ = false; }
  // The file system's page_mkwrite: shared writable mappings start read-only.
  bool wants_write_notify() const { return kind_ == FileKind::Regular; }
  phys::FrameKind frame_kind() const;

  // Pages `first` up to, not including, `last` are in memory (read or written by somebody), in
  // blocks of 2^order pages aligned to their size within the file. REQUIRES: first and last are
  // multiples of 2^order; none of them was mapped.
  void cache(std::uint64_t first, std::uint64_t last, unsigned order = 0);

  bool is_cached(std::uint64_t page) const { return state_of(page).cached; }
  unsigned order_of(std::uint64_t page) const { return state_of(page).order; }

  // The frame of a page; it comes into memory if it was not there, alone. Empty: no memory.
  // REQUIRES: page < pages().
  std::optional<phys::Pfn> frame_of(std::uint64_t page, phys::FrameSource& frames);

  // ftruncate. Pages behind the new end are unmapped everywhere, then dropped.
  void resize(std::uint64_t bytes);
  // fallocate(FALLOC_FL_PUNCH_HOLE), MADV_REMOVE: whole pages inside.
  void punch_hole(std::uint64_t first, std::uint64_t last);

  void add_mapper(FileMapper& mapper);  // once is enough; more does no harm
  void remove_mapper(FileMapper& mapper);

  std::uint64_t frames_held() const { return held_; }
  void check() const;  // expensive

 private:
  struct State {
    phys::Pfn pfn = 0;  // 0: nobody has asked yet
    std::uint8_t order = 0;
    bool cached = false;
  };
  static constexpr std::uint64_t kChunk = 512;
  using Chunk = std::array<State, kChunk>;

  State state_of(std::uint64_t page) const;
  State& state_for_change(std::uint64_t page);
  void drop(std::uint64_t first, std::uint64_t last, bool own_copies);
  void forget(State& state);

  FileKind kind_;
  std::uint64_t bytes_;
  unsigned page_shift_;
  bool placed_for_huge_pages_;
  std::uint64_t cached_from_start_;  // pages that are cached unless a chunk says otherwise
  std::unordered_map<std::uint64_t, std::unique_ptr<Chunk>> chunks_;
  std::vector<FileMapper*> mappers_;
  phys::FrameSource* frames_ = nullptr;
  std::uint64_t held_ = 0;
};

}  // namespace ft::sim::virt
