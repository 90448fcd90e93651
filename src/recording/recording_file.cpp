#include "recording/recording_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "base/fd.h"
#include "recording/format.h"
#include "recording/output_file.h"

namespace ft::recording {

namespace {

// The first 100 bytes of every SQLite file (sqlite.org/fileformat2.html, 1.3).
constexpr std::size_t kHeaderBytes = 100;
constexpr std::string_view kMagic{"SQLite format 3\0", 16};
constexpr std::size_t kPageSizeAt = 16;
constexpr std::size_t kWriteVersionAt = 18;
constexpr std::size_t kReadVersionAt = 19;
constexpr std::size_t kPageCountAt = 28;
constexpr std::size_t kUserVersionAt = 60;
constexpr std::size_t kApplicationIdAt = 68;
constexpr std::uint8_t kRollbackJournalled = 1;

// A journal that names a super-journal ends in this; ours never do, and following the name would
// let a file from elsewhere reach other files.
constexpr std::string_view kSuperJournalMagic{"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8};

class Header {
 public:
  explicit Header(std::string_view bytes) : bytes_(bytes) {}
  bool is_sqlite() const { return bytes_.size() >= 16 && bytes_.starts_with(kMagic); }
  bool is_whole() const { return bytes_.size() == kHeaderBytes; }
  std::uint8_t byte(std::size_t at) const { return static_cast<std::uint8_t>(bytes_[at]); }
  std::uint32_t word(std::size_t at) const {
    return std::uint32_t{byte(at)} << 24U | std::uint32_t{byte(at + 1)} << 16U |
           std::uint32_t{byte(at + 2)} << 8U | byte(at + 3);
  }
  // 1 stands for 65,536.
  std::uint64_t page_size() const {
    const unsigned stored = unsigned{byte(kPageSizeAt)} << 8U | byte(kPageSizeAt + 1);
    return stored == 1 ? 65536 : stored;
  }
  std::uint64_t file_size() const { return page_size() * word(kPageCountAt); }

 private:
  std::string_view bytes_;
};

Result<std::string> read_front(const Fd& fd, const std::string& path) {
  std::string bytes(kHeaderBytes, '\0');
  const ssize_t got = ::pread(fd.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) return fail_errno(path, errno);
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

Result<void> check_kind(const Header& header, std::uint64_t size, const std::string& path) {
  if (size == 0) {
    return fail(path, "is empty: no recording was ever written to it");
  }
  if (!header.is_sqlite()) {
    return fail(path, "is not a recording of firsttouch",
                "recordings are made by firsttouch record and firsttouch import");
  }
  if (!header.is_whole()) {
    return damaged(path, fmt::format("the file ends at byte {}, inside its header", size));
  }
  if (header.word(kApplicationIdAt) != kApplicationId) {
    return fail(path, "is a SQLite database, but not a recording of firsttouch");
  }
  const std::uint32_t version = header.word(kUserVersionAt);
  if (version > kFormatVersion) {
    return fail(path,
                fmt::format("is a recording of format {}, and this firsttouch reads up to {}",
                            version, kFormatVersion),
                "use the firsttouch that made it, or a newer one");
  }
  if (version != 0 && version < kFormatVersion) {
    return fail(
        path,
        fmt::format("is a recording of format {}, which this firsttouch reads no more", version),
        "use the firsttouch that made it, or record again");
  }
  if (version == 0) return damaged(path, "format 0 at byte 60");
  if (header.byte(kWriteVersionAt) != kRollbackJournalled ||
      header.byte(kReadVersionAt) != kRollbackJournalled) {
    return damaged(path, "an unknown journal mode at byte 18");
  }
  return {};
}

Result<void> check_size(const Header& header, std::uint64_t size, const std::string& path) {
  if (size < header.file_size()) {
    return damaged(path, fmt::format("the file is cut off: {} bytes of {} are there", size,
                                     header.file_size()));
  }
  return {};
}

Result<void> check_not_being_written(const Fd& fd, const std::string& path) {
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return fail(path, "is still being recorded", "wait until firsttouch record has ended");
  }
  return {};
}

// As SQLite tells a journal that must be rolled back from one that is done with.
bool must_be_rolled_back(const std::string& journal) {
  const Fd fd(::open(journal.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  char first = 0;
  return fd.valid() && ::pread(fd.get(), &first, 1, 0) == 1 && first != 0;
}

Result<void> copy_file(const std::string& from, const std::string& to) {
  const Fd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.valid()) return fail_errno(from, errno);
  const Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out.valid()) return fail_errno(to, errno);
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t got = ::read(in.get(), buffer.data(), buffer.size());
    if (got == 0) return {};
    if (got < 0) return fail_errno(from, errno);
    for (ssize_t done = 0; done < got;) {
      const ssize_t put =
          ::write(out.get(), buffer.data() + done, static_cast<std::size_t>(got - done));
      if (put < 0) return fail_errno(to, errno, "set TMPDIR to a folder with more space");
      done += put;
    }
  }
}

Result<void> check_journal(const std::string& journal) {
  const Fd fd(::open(journal.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) return fail_errno(journal, errno);
  std::array<char, 8> end{};
  const auto end_size = static_cast<off_t>(end.size());
  if (status.st_size >= end_size &&
      ::pread(fd.get(), end.data(), end.size(), status.st_size - end_size) == end_size &&
      std::string_view(end.data(), end.size()) == kSuperJournalMagic) {
    return fail(journal, "names another journal, which no recording's journal does",
                "do not use this file");
  }
  return {};
}

// A private folder with the copy in it; both are gone when this is.
class PrivateCopy {
 public:
  static Result<PrivateCopy> make(const std::string& path) {
    const char* chosen = ::secure_getenv("TMPDIR");
    std::string folder =
        std::string(chosen != nullptr && *chosen != '\0' ? chosen : "/tmp") + "/firsttouch.XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) return fail_errno(folder, errno);
    PrivateCopy copy(std::move(folder));
    FT_TRY_VOID(copy_file(path, copy.path()));
    FT_TRY_VOID(copy_file(journal_of(path), journal_of(copy.path())));
    FT_TRY_VOID(check_journal(journal_of(copy.path())));
    return copy;
  }
  PrivateCopy(PrivateCopy&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  PrivateCopy& operator=(PrivateCopy&&) = delete;
  ~PrivateCopy() {
    if (folder_.empty()) return;
    remove_recording(path());
    ::rmdir(folder_.c_str());
  }

  std::string path() const { return folder_ + "/copy.ft"; }

  Result<void> roll_back() const {
    Database database = FT_TRY(Database::open(path(), Database::Mode::ReadWrite));
    // The first look at the content does it.
    return database.execute("PRAGMA synchronous=OFF; PRAGMA schema_version");
  }

 private:
  explicit PrivateCopy(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;
};

// The exact tables of a recording and nothing else: no view, trigger or index of somebody else's
// making runs when we read.
Result<void> check_tables(Database& database, const std::string& path) {
  Statement listed =
      FT_TRY(database.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY rowid"));
  std::size_t found = 0;
  while (FT_TRY(listed.step())) {
    const auto expected = [&]() -> std::string {
      if (found == 0) return std::string(kCreateTotal);
      if (found > kTableCount) return {};
      return create_statement(shape_of(all_tables()[found - 1]));
    }();
    if (listed.bytes(0) != "table" || listed.bytes(2) != expected) {
      return damaged(path, "its tables are not those of a recording");
    }
    ++found;
  }
  if (found != kTableCount + 1) return damaged(path, "tables of a recording are missing");
  return {};
}

Result<Database> open_checked(const std::string& file, const std::string& path) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno(path, errno);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno(path, errno);
  const std::string front = FT_TRY(read_front(fd, path));
  FT_TRY_VOID(check_size(Header(front), static_cast<std::uint64_t>(status.st_size), path));

  Database database = FT_TRY(Database::open(file, Database::Mode::Immutable));
  sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_limit(database.handle(), SQLITE_LIMIT_LENGTH, static_cast<int>(kMaxValueBytes));
  sqlite3_limit(database.handle(), SQLITE_LIMIT_ATTACHED, 0);
  FT_TRY_VOID(
      database.execute("PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; "
                       "PRAGMA cache_size=-2048; PRAGMA query_only=ON"));
  if (auto checked = check_tables(database, path); !checked) {
    return damaged(path, checked.error().why);
  }
  return database;
}

}  // namespace

std::unexpected<Error> damaged(std::string where, std::string why) {
  return fail(std::move(where), std::move(why), "the recording is damaged; record again");
}

Result<Database> open_recording(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return fail_errno(path, errno);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno(path, errno);
  if (S_ISDIR(status.st_mode)) return fail_errno(path, EISDIR);
  if (!S_ISREG(status.st_mode)) return fail(path, "is not a regular file");
  const std::string front = FT_TRY(read_front(fd, path));
  FT_TRY_VOID(check_kind(Header(front), static_cast<std::uint64_t>(status.st_size), path));
  FT_TRY_VOID(check_not_being_written(fd, path));
  if (!must_be_rolled_back(journal_of(path))) return open_checked(path, path);

  const PrivateCopy copy = FT_TRY(PrivateCopy::make(path));
  if (auto rolled_back = copy.roll_back(); !rolled_back) {
    return damaged(path, rolled_back.error().why);
  }
  // SQLite keeps the file open; its name may go.
  return open_checked(copy.path(), path);
}

}  // namespace ft::recording
