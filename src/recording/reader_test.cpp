// Damaged, foreign and hostile files: a clear error or the very data, never a crash.
#include "recording/reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <fstream>
#include <random>

#include "base/fd.h"
#include "recording/checksum.h"
#include "recording/format.h"
#include "recording/test_trace.h"
#include "recording/writer.h"

namespace ft::recording {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ReaderTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const TestFolder folder;
    const std::string path = folder.file("good.ft");
    auto writer = Writer::create(path).value();
    tell_small_tables(*writer);
    tell_chunks(*writer, 1000);
    ASSERT_TRUE(writer->finish());
    good_ = new std::string(read_file(path).value());
    told_ = new Told(tell_all(**Reader::open(path)).value());
  }
  static void TearDownTestSuite() {
    delete good_;
    delete told_;
  }

  std::string write(std::string_view bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    return path_;
  }

  // What reading everything says: "as it was", "other data" or the error.
  std::string outcome(std::string_view bytes) const {
    write(bytes);
    auto reader = Reader::open(path_);
    if (!reader) return reader.error().message();
    auto told = tell_all(**reader);
    if (!told) return told.error().message();
    return *told == *told_ ? "as it was" : "other data";
  }

  // The good recording after some SQL was run on it, as somebody with a grudge might.
  std::string outcome_after(const std::string& sql) const {
    write(*good_);
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK)
        << sql << ": " << error;
    sqlite3_close(database);
    return outcome(read_file(path_).value());
  }

  TestFolder folder_;
  std::string path_ = folder_.file("run.ft");
  static std::string* good_;
  static Told* told_;
};

std::string* ReaderTest::good_ = nullptr;
Told* ReaderTest::told_ = nullptr;

TEST_F(ReaderTest, ReadsAGoodFile) {
  EXPECT_EQ(outcome(*good_), "as it was");
}

// ---- truncation and decay ----

TEST_F(ReaderTest, NoticesEveryTruncation) {
  for (std::size_t part = 0; part < 64; ++part) {
    const std::size_t size = good_->size() * part / 64;
    const std::string said = outcome(good_->substr(0, size));
    EXPECT_THAT(said, HasSubstr(size == 0 ? "is empty" : "cut off")) << size;
  }
  for (const std::size_t size : {1U, 15U, 16U, 50U, 99U, 100U, 511U, 4095U, 4096U}) {
    EXPECT_THAT(outcome(good_->substr(0, size)),
                ::testing::AnyOf(HasSubstr("is not a recording"), HasSubstr("inside its header"),
                                 HasSubstr("cut off")))
        << size;
  }
}

TEST_F(ReaderTest, FindsFlippedBits) {
  std::mt19937_64 random(20240229);
  int found = 0;
  for (int i = 0; i < 500; ++i) {
    std::string bad = *good_;
    const std::size_t bit = random() % (bad.size() * 8);
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const std::string said = outcome(bad);
    ASSERT_NE(said, "other data") << "bit " << bit;
    found += said == "as it was" ? 0 : 1;
  }
  EXPECT_GT(found, 0);
}

// Bits of pages that hold the database's own structure are the ones that could lead astray.
TEST_F(ReaderTest, FindsFlippedBitsInPageHeaders) {
  for (std::size_t page = 0; page < good_->size(); page += 4096) {
    for (std::size_t byte = 0; byte < 12; ++byte) {
      const std::size_t at = page + (page == 0 ? 100 : 0) + byte;
      const std::size_t bit = (page / 4096 + byte) % 8;
      std::string bad = *good_;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      ASSERT_NE(outcome(bad), "other data") << "byte " << at << " bit " << bit;
    }
  }
}

TEST_F(ReaderTest, FindsBlocksOfZeros) {
  for (std::size_t at = 0; at + 512 <= good_->size(); at += 512) {
    std::string bad = *good_;
    std::fill_n(bad.begin() + static_cast<std::ptrdiff_t>(at), 512, '\0');
    ASSERT_NE(outcome(bad), "other data") << "at " << at;
  }
}

TEST_F(ReaderTest, FindsSwappedPages) {
  for (std::size_t page = 4096; page + 8192 <= good_->size(); page += 4096) {
    std::string bad = *good_;
    std::swap_ranges(bad.begin() + static_cast<std::ptrdiff_t>(page),
                     bad.begin() + static_cast<std::ptrdiff_t>(page) + 4096,
                     bad.begin() + static_cast<std::ptrdiff_t>(page) + 4096);
    ASSERT_NE(outcome(bad), "other data") << "at " << page;
  }
}

// ---- files that are something else ----

TEST_F(ReaderTest, KnowsForeignFiles) {
  EXPECT_THAT(outcome("1234 mmap(NULL, 8192, PROT_READ) = 0x7f\n"),
              HasSubstr("is not a recording of firsttouch"));
  EXPECT_THAT(outcome(std::string(100'000, '\0')), HasSubstr("is not a recording"));
  auto absent = Reader::open(folder_.file("absent.ft"));
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error().message(), HasSubstr("No such file"));
  auto folder = Reader::open(folder_.file(""));
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().message(), HasSubstr("Is a directory"));
  auto device = Reader::open("/dev/null");
  ASSERT_FALSE(device);
  EXPECT_THAT(device.error().message(), HasSubstr("is not a regular file"));
  ASSERT_EQ(::mkfifo(folder_.file("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(Reader::open(folder_.file("pipe")));  // and does not wait for a writer
}

TEST_F(ReaderTest, KnowsOtherDatabases) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, "CREATE TABLE raw_meta(x)", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(database);
  EXPECT_THAT(outcome(read_file(path_).value()),
              HasSubstr("is a SQLite database, but not a recording"));
}

TEST_F(ReaderTest, KnowsNewerFormats) {
  EXPECT_THAT(outcome_after("PRAGMA user_version=3"),
              AllOf(HasSubstr("of format 3"), HasSubstr("a newer one")));
}

TEST_F(ReaderTest, KnowsOlderFormats) {
  EXPECT_THAT(outcome_after("PRAGMA user_version=1"),
              AllOf(HasSubstr("of format 1, which this firsttouch reads no more"),
                    HasSubstr("the firsttouch that made it")));
}

TEST_F(ReaderTest, DoesNotNeedToWrite) {
  write(*good_);
  ASSERT_EQ(::chmod(path_.c_str(), 0400), 0);
  ASSERT_EQ(::chmod(folder_.file("").c_str(), 0500), 0);
  EXPECT_TRUE(Reader::open(path_));
  ::chmod(folder_.file("").c_str(), 0700);
  EXPECT_EQ(folder_.entries(), 1U);
  EXPECT_EQ(read_file(path_).value(), *good_);
}

TEST_F(ReaderTest, OpensAnyName) {
  for (const char* name : {"a b?c#d%20e.ft", "-x", "ü\xff.ft", "file:x?mode=memory"}) {
    path_ = folder_.file(name);
    EXPECT_EQ(outcome(*good_), "as it was") << name;
  }
}

// ---- hostile content: the tables' checksums do not help, so rows are checked on their own ----

TEST_F(ReaderTest, RefusesTablesOfSomebodyElsesMaking) {
  for (const char* sql : {
           "CREATE TABLE extra(x)",
           "CREATE INDEX i ON raw_mm_event(ts)",
           "CREATE TRIGGER t AFTER INSERT ON raw_meta BEGIN SELECT 1; END",
           "CREATE VIEW v AS SELECT 1",
           "DROP TABLE raw_phase",
           "ALTER TABLE raw_phase ADD COLUMN more",
           "DROP TABLE raw_loss; CREATE VIEW raw_loss AS SELECT 1 AS id",
       }) {
    EXPECT_THAT(outcome_after(sql), HasSubstr("the recording is damaged")) << sql;
  }
}

TEST_F(ReaderTest, NamesTheTableAndRow) {
  EXPECT_THAT(outcome_after("UPDATE raw_phase SET start_ts=5 WHERE id=0"),
              HasSubstr("raw_phase: the checksum of its rows does not match"));
  EXPECT_THAT(outcome_after("DELETE FROM raw_phase WHERE id=1"),
              HasSubstr("raw_phase: 1 rows instead of 2"));
  EXPECT_THAT(outcome_after("INSERT INTO raw_phase VALUES(2,'',0,0)"),
              HasSubstr("raw_phase row 2: is one more than the 2 it should have"));
  EXPECT_THAT(outcome_after("UPDATE raw_mm_event SET tid=4294967296 WHERE id=0"),
              HasSubstr("raw_mm_event row 0: column tid cannot be 4294967296"));
  EXPECT_THAT(outcome_after("UPDATE raw_mm_event SET ts='now' WHERE id=0"),
              HasSubstr("column ts is of another type"));
  EXPECT_THAT(outcome_after("UPDATE raw_thread SET name=NULL WHERE id=1"),
              HasSubstr("column name is of another type"));
  EXPECT_THAT(outcome_after("UPDATE raw_loss SET severity=3 WHERE id=0"),
              HasSubstr("column severity cannot be 3"));
  EXPECT_THAT(outcome_after("UPDATE raw_mm_event SET kind=99 WHERE id=0"),
              HasSubstr("column kind cannot be 99"));
  EXPECT_THAT(outcome_after("UPDATE raw_process SET command=x'05' WHERE id=0"),
              HasSubstr("its command is damaged at byte 1"));
  EXPECT_THAT(outcome_after("UPDATE raw_total SET row_count=-1 WHERE id=3"),
              HasSubstr("raw_total: row 3 is not as it should be"));
  EXPECT_THAT(outcome_after("DELETE FROM raw_total WHERE id=10"), HasSubstr("rows are missing"));
  EXPECT_THAT(outcome_after("UPDATE raw_total SET name='raw_x' WHERE id=0"),
              HasSubstr("raw_total: row 0"));
}

TEST_F(ReaderTest, NamesTheChunkAndByte) {
  EXPECT_THAT(outcome_after("UPDATE raw_chunk SET body=zeroblob(bytes) WHERE id=0"),
              HasSubstr("chunk 0 (fault): byte"));
  EXPECT_THAT(outcome_after("UPDATE raw_chunk SET body=x'00' WHERE id=0"),
              HasSubstr("chunk 0 (fault): 1 bytes instead of"));
  EXPECT_THAT(outcome_after("UPDATE raw_chunk SET body=NULL WHERE id=0"),
              HasSubstr("chunk 0 (fault): 0 bytes instead of"));
  EXPECT_THAT(outcome_after("UPDATE raw_chunk SET events=70000 WHERE id=0"),
              HasSubstr("raw_chunk row 0: column events cannot be 70000"));
  EXPECT_THAT(outcome_after("UPDATE raw_chunk SET kind=6 WHERE id=0"),
              HasSubstr("column kind cannot be 6"));
  EXPECT_THAT(outcome_after("UPDATE raw_chunk SET body=zeroblob(bytes) WHERE kind=5"),
              HasSubstr("(syscall): byte"));
  EXPECT_THAT(outcome_after("UPDATE raw_chunk SET bytes=999999999 WHERE id=0"),
              HasSubstr("column bytes cannot be 999999999"));
  // A body damaged in the middle, its listed checksum intact.
  EXPECT_THAT(outcome_after("UPDATE raw_chunk SET body=CAST(substr(body, 1, 100) || "
                            "zeroblob(1) || substr(body, 102) AS BLOB) WHERE id=0"),
              AllOf(HasSubstr("chunk 0 (fault), byte"), HasSubstr("the checksum does not match")));
}

TEST_F(ReaderTest, RefusesCallsThatNameWhatIsNotThere) {
  const auto outcome_of = [&](const event::Syscall& call) -> std::string {
    auto writer = Writer::create(path_).value();
    writer->on_stack(1, {});
    writer->on_file(0, {});
    writer->on_syscall({.number = event::SyscallNumber::Brk, .stack = 1, .file = 0});
    writer->on_syscall(call);
    EXPECT_TRUE(writer->finish());
    auto read = (*Reader::open(path_))->trace();
    return read ? "readable" : read.error().message();
  };
  EXPECT_EQ(outcome_of({.number = event::SyscallNumber::Brk}), "readable");
  EXPECT_THAT(outcome_of({.number = event::SyscallNumber::Brk, .stack = 2}),
              HasSubstr("chunk 0 (syscall): a system call names stack 2 of 2"));
  EXPECT_THAT(outcome_of({.number = event::SyscallNumber::Brk, .file = 1}),
              HasSubstr("a system call names file 1 of 1"));
}

TEST_F(ReaderTest, BoundsWhatRowsMayMakeItAllocate) {
  EXPECT_THAT(outcome_after("INSERT INTO raw_stack VALUES(2147483647, 0, 0, x'00')"),
              HasSubstr("raw_stack row 2147483647: is not a number that one of 2 rows may have"));
  EXPECT_THAT(outcome_after("UPDATE raw_file SET id=-5 WHERE id=0"), HasSubstr("raw_file row -5"));
  EXPECT_THAT(outcome_after("UPDATE raw_snapshot SET size=134217729 WHERE id=0"),
              HasSubstr("column size cannot be 134217729"));
  // A frame of zstd that says 100 MiB in 20 bytes.
  EXPECT_THAT(outcome_after("UPDATE raw_snapshot SET size=104857600 WHERE id=0"),
              HasSubstr("its text is not of the size listed"));
  EXPECT_THAT(outcome_after("UPDATE raw_stack SET frames=x'ffffffff0f' WHERE id=0"),
              HasSubstr("raw_stack row 0: its frame count is damaged"));
  EXPECT_THAT(outcome_after("UPDATE raw_stack SET frames=x'01000000' WHERE id=0"),
              HasSubstr("raw_stack row 0: frame 0 is damaged before byte"));
  EXPECT_THAT(outcome_after("UPDATE raw_stack SET frames=x'010000630000' WHERE id=0"),
              HasSubstr("raw_stack row 0: frame 0 is damaged"));
  // 65,536 frames of one byte a field, each naming a string of a megabyte.
  Checksum string(static_cast<std::uint64_t>(Table::String));
  string.word(0);
  string.bytes(std::string(1'000'000, '0'));
  EXPECT_THAT(
      outcome_after(fmt::format(
          "DELETE FROM raw_string; "
          "INSERT INTO raw_string VALUES(0, hex(zeroblob(500000))); "
          "UPDATE raw_total SET row_count=1, checksum={} WHERE name='raw_string'; "
          "UPDATE raw_stack SET frames=CAST(x'808004' || zeroblob(5*65536) AS BLOB) WHERE id=0",
          static_cast<std::int64_t>(string.value()))),
      HasSubstr("more memory than any recording's"));
}

// A cycle of pages: every interior cell leads to the same leaf. Counting rows ends it.
TEST_F(ReaderTest, EndsInACycleOfPages) {
  write(*good_);
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database,
                         "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i+1 FROM n LIMIT "
                         "2000) INSERT INTO raw_phase SELECT i, 'name', 0, 0 FROM n; "
                         "UPDATE raw_total SET row_count=1000000000 WHERE name='raw_phase'",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_stmt* root = nullptr;
  sqlite3_prepare_v2(database, "SELECT rootpage FROM sqlite_schema WHERE name='raw_phase'", -1,
                     &root, nullptr);
  ASSERT_EQ(sqlite3_step(root), SQLITE_ROW);
  const auto page = static_cast<std::size_t>(sqlite3_column_int64(root, 0) - 1) * 4096;
  sqlite3_finalize(root);
  sqlite3_close(database);

  std::string bad = read_file(path_).value();
  ASSERT_EQ(bad[page], 5) << "the root should be an interior page by now";
  const auto cells = static_cast<std::size_t>(static_cast<unsigned char>(bad[page + 3]) << 8 |
                                              static_cast<unsigned char>(bad[page + 4]));
  ASSERT_GT(cells, 2U);
  const auto cell_at = [&](std::size_t i) {
    const std::size_t pointer = page + 12 + 2 * i;
    return page + static_cast<std::size_t>(static_cast<unsigned char>(bad[pointer]) << 8 |
                                           static_cast<unsigned char>(bad[pointer + 1]));
  };
  for (std::size_t i = 1; i < cells; ++i) bad.replace(cell_at(i), 4, bad, cell_at(0), 4);
  EXPECT_THAT(outcome(bad), HasSubstr("raw_phase row"));
}

}  // namespace
}  // namespace ft::recording
