#include "recording/query_engine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "recording/row_printer.h"
#include "recording/test_trace.h"
#include "recording/writer.h"

namespace ft::recording {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

// Names everything it is asked about by what it was asked.
class FakeLookup : public SubsystemLookup {
 public:
  std::string_view subsystem_at(event::Pid pid, std::uint64_t address, Nanoseconds) const override {
    return pid == 4711 && address >= 0x600000000 ? "Java heap" : "Unknown";
  }
  std::string_view subsystem_of_syscall(std::size_t index) const override {
    return index == 0 ? "Code cache" : "Java heap";
  }
  std::size_t region_count() const override { return 2; }
  RegionRow region(std::size_t index) const override {
    return {.pid = 42,
            .range = {0x600000000 + index, 0x800000000},
            .from_ts = 10,
            .to_ts = index == 0 ? 20 : event::kStillThere,
            .prot = 3,
            .committed = true,
            .file = 0,
            .subsystem = "Java heap",
            .evidence = "stack",
            .detail = index == 0 ? "" : "CDS objects"};
  }
};

constexpr std::size_t kFaultCount = 150'000;

class QueryTest : public ::testing::Test {
 protected:
  // One recording serves all tests.
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TestFolder>();
    path_ = folder_->file("run.ft");
    auto writer = Writer::create(path_).value();
    tell_small_tables(*writer);
    writer->on_thread({.tid = 4711, .pid = 4711, .start_ts = 0, .name = "toucher 0"});
    writer->on_thread({.tid = 4712, .pid = 4711, .start_ts = 0, .name = "toucher 1"});
    writer->on_snapshot({.ts = 60,
                         .pid = 42,
                         .moment = "end",
                         .source = "maps",
                         .text = "600000000-800000000 rw-p\n7f00-7f01 r-xp\n"});
    writer->on_snapshot(
        {.ts = 61, .moment = "end", .source = "vmstat", .text = "nr_free_pages 99\n"});
    writer->on_snapshot({.ts = 62,
                         .moment = "end",
                         .source = "pressure/memory",
                         .text = "some avg10=0.25 avg60=0.00 total=7\n"});
    tell_chunks(*writer, kFaultCount);
    ASSERT_TRUE(writer->finish());
  }
  static void TearDownTestSuite() { folder_.reset(); }

  void SetUp() override {
    engine_ = QueryEngine::open(path_, [](const event::Trace&) {
                return std::make_unique<FakeLookup>();
              }).value();
  }

  std::string csv(std::string_view sql) { return printed(sql, RowFormat::Csv); }
  std::string printed(std::string_view sql, RowFormat format) {
    std::string text;
    const auto printer = make_row_printer(format, [&](std::string_view more) {
      text += more;
      return true;
    });
    const auto ran = engine_->run(sql, *printer);
    if (!ran) return ran.error().message();
    printer->finish();
    return text;
  }
  // The only value of the only row.
  std::string value(std::string_view sql) {
    std::string text = csv(sql);
    const std::size_t header_end = text.find("\r\n");
    return header_end == std::string::npos
               ? text
               : text.substr(header_end + 2, text.size() - header_end - 4);
  }
  std::vector<std::string> columns_of(std::string_view table) {
    class Names : public RowVisitor {
     public:
      void columns(std::span<const std::string> names) override {
        names_.assign(names.begin(), names.end());
      }
      Go row(std::span<const SqlValue>) override { return Go::Stop; }
      std::vector<std::string> names_;
    } names;
    const auto ran = engine_->run(fmt::format("SELECT * FROM {}", table), names);
    EXPECT_TRUE(ran) << ran.error().message();
    return names.names_;
  }

  static std::unique_ptr<TestFolder> folder_;
  static std::string path_;
  std::unique_ptr<QueryEngine> engine_;
};

std::unique_ptr<TestFolder> QueryTest::folder_;
std::string QueryTest::path_;

// ---- the contract with scripts: these names, in this order, first ----

struct Contract {
  std::string table;
  std::vector<std::string> columns;
};

const Contract kContract[] = {
    {"syscall",
     {"id", "ts", "dur", "tid", "name", "addr", "length", "prot", "flags", "fd", "offset", "ret",
      "stack_id", "subsystem"}},
    {"fault", {"ts", "dur", "tid", "addr", "ip", "error_code", "kind", "subsystem"}},
    {"page_alloc", {"ts", "tid", "pfn", "order_", "migratetype", "gfp", "node"}},
    {"tlb_flush", {"ts", "tid", "reason", "pages"}},
    {"sample", {"ts", "tid", "kernel_stack_id", "user_stack_id", "stage"}},
    {"region", {"start", "end", "from_ts", "to_ts", "prot", "subsystem", "evidence"}},
    {"thread", {"tid", "pid", "name", "start_ts", "end_ts"}},
    {"stack_frame", {"stack_id", "depth", "address", "symbol", "module"}},
    {"phase", {"name", "start_ts", "end_ts"}},
    {"snapshot", {"ts", "source", "key", "value"}},
    {"loss", {"kind", "count"}},
    {"meta", {"key", "value"}},
};

TEST_F(QueryTest, KeepsTheFixedTables) {
  for (const Contract& contract : kContract) {
    std::vector<std::string> columns = columns_of(contract.table);
    ASSERT_GE(columns.size(), contract.columns.size()) << contract.table;
    columns.resize(contract.columns.size());
    EXPECT_THAT(columns, ElementsAreArray(contract.columns)) << contract.table;
  }
}

TEST_F(QueryTest, AddsColumnsAndTables) {
  EXPECT_THAT(columns_of("process"),
              ElementsAre("pid", "parent", "start_ts", "exec_ts", "end_ts", "wait_status",
                          "executable", "command", "present_at_start"));
  EXPECT_THAT(columns_of("mm_event"),
              ElementsAre("ts", "dur", "tid", "kind", "value", "detail", "pid"));
  EXPECT_THAT(columns_of("file"), ElementsAre("id", "path", "device", "inode"));
}

// ---- what the tables hold ----

TEST_F(QueryTest, TellsSystemCallsByMeaning) {
  EXPECT_EQ(
      csv("SELECT id, ts, dur, name, addr, length, prot, flags, fd, offset, ret, stack_id, "
          "subsystem, pid, file FROM syscall WHERE name = 'mmap'"),
      "id,ts,dur,name,addr,length,prot,flags,fd,offset,ret,stack_id,subsystem,pid,file\r\n"
      "2,20,1930,mmap,25769803776,8589934592,0,16418,-1,0,25769803776,0,Java heap,42,\"\"\r\n");
  // munmap has neither protection nor descriptor.
  EXPECT_EQ(csv("SELECT prot, flags, fd, offset, ret, stack_id FROM syscall WHERE id = 1"),
            "prot,flags,fd,offset,ret,stack_id\r\n,,,,-22,\r\n");
  // The third never returned.
  EXPECT_EQ(csv("SELECT dur, ret, finished FROM syscall WHERE id = 3"),
            "dur,ret,finished\r\n,,0\r\n");
  EXPECT_EQ(value("SELECT count(*) FROM syscall WHERE id = 4"), "0");
  EXPECT_EQ(value("SELECT count(*) FROM syscall WHERE id = 2.0"), "1");
}

TEST_F(QueryTest, TellsFaults) {
  EXPECT_EQ(value("SELECT count(*) FROM fault"), "150000");
  EXPECT_EQ(value("SELECT count(DISTINCT addr) FROM fault"), "150000");
  EXPECT_EQ(csv("SELECT kind, subsystem, pid, order_, error_code FROM fault LIMIT 1"),
            "kind,subsystem,pid,order_,error_code\r\nminor,Java heap,4711,0,6\r\n");
}

TEST_F(QueryTest, GathersAllocationsFromFaultsAndTheirOwn) {
  EXPECT_EQ(csv("SELECT context, order_, count(*) FROM page_alloc GROUP BY 1, 2 ORDER BY 1, 2"),
            "context,order_,count(*)\r\nfault,0,150001\r\nother,9,1\r\n");
}

TEST_F(QueryTest, LeavesOpenEndsNull) {
  EXPECT_EQ(csv("SELECT from_ts, to_ts, detail, file FROM region ORDER BY start"),
            "from_ts,to_ts,detail,file\r\n10,20,,/usr/lib/libjvm.so\r\n"
            "10,,CDS objects,/usr/lib/libjvm.so\r\n");
  EXPECT_EQ(csv("SELECT pid, end_ts, exec_ts, wait_status FROM process ORDER BY start_ts"),
            "pid,end_ts,exec_ts,wait_status\r\n42,900,5,256\r\n42,,,\r\n");
  EXPECT_EQ(value("SELECT end_ts FROM phase WHERE name = ''"), "");
  EXPECT_EQ(csv("SELECT pages FROM tlb_flush ORDER BY ts"), "pages\r\n\r\n33\r\n");
  EXPECT_EQ(csv("SELECT kernel_stack_id, user_stack_id, stage FROM sample ORDER BY ts"),
            "kernel_stack_id,user_stack_id,stage\r\n1,0,unknown\r\n,,user\r\n");
}

TEST_F(QueryTest, ExpandsSnapshots) {
  EXPECT_EQ(csv("SELECT ts, key, value, moment FROM snapshot WHERE source = 'status'"),
            "ts,key,value,moment\r\n50,Name,java,end\r\n50,VmRSS,1263616,end\r\n"
            "50,Threads,12,end\r\n");
  EXPECT_EQ(csv("SELECT key, value FROM snapshot WHERE source = 'maps'"),
            "key,value\r\n1,600000000-800000000 rw-p\r\n2,7f00-7f01 r-xp\r\n");
  EXPECT_EQ(value("SELECT value FROM snapshot WHERE source = 'vmstat' AND key = 'nr_free_pages'"),
            "99");
  EXPECT_EQ(csv("SELECT key, value FROM snapshot WHERE source = 'pressure/memory'"),
            "key,value\r\nsome avg10,0.25\r\nsome avg60,0.0\r\nsome total,7\r\n");
}

TEST_F(QueryTest, JoinsStacksToCalls) {
  EXPECT_EQ(csv("SELECT f.depth, f.symbol FROM syscall s JOIN stack_frame f USING (stack_id) "
                "ORDER BY f.depth"),
            "depth,symbol\r\n0,os::reserve_memory(unsigned long)\r\n1,start\r\n");
}

TEST_F(QueryTest, TellsLossAndMeta) {
  EXPECT_EQ(csv("SELECT kind, count, severity FROM loss ORDER BY kind"),
            "kind,count,severity\r\nring full,9,data loss\r\nstack truncated,-1,info\r\n");
  EXPECT_EQ(value("SELECT value FROM meta WHERE key = 'complete'"), "1");
  EXPECT_EQ(value("SELECT command FROM process WHERE parent = 1"),
            std::string("java '' -Xmx8g \xf0\0x", 18));
}

TEST_F(QueryTest, MakesTheLookupOnceAndOnlyWhenAsked) {
  int made = 0;
  engine_ = QueryEngine::open(path_, [&](const event::Trace&) {
              ++made;
              return std::make_unique<FakeLookup>();
            }).value();
  csv("SELECT count(*), max(name) FROM syscall");
  EXPECT_EQ(made, 0);
  EXPECT_EQ(value("SELECT Subsystem FROM syscall WHERE id = 1"), "Code cache");
  EXPECT_EQ(value("SELECT count(*) FROM region"), "2");
  EXPECT_EQ(value("SELECT count(*) FROM (SELECT * FROM syscall)"), "3");
  EXPECT_EQ(made, 1);
}

TEST_F(QueryTest, WorksWithoutALookup) {
  engine_ = QueryEngine::open(path_).value();
  EXPECT_EQ(value("SELECT count(subsystem) FROM fault"), "0");
  EXPECT_EQ(value("SELECT count(subsystem) FROM syscall"), "0");
  EXPECT_EQ(value("SELECT count(*) FROM region"), "0");
}

// ---- bounds on ts ----

// Every way to bound ts gives the rows that the same bound on a computed column gives, which no
// chunk can be skipped by.
TEST_F(QueryTest, SkippingChunksLosesNoRow) {
  const std::string middle = value("SELECT ts FROM fault LIMIT 1 OFFSET 100000");
  const std::vector<std::string> bounds = {"= " + middle,
                                           "> " + middle,
                                           ">= " + middle,
                                           "< " + middle,
                                           "<= " + middle,
                                           "BETWEEN 90000000 AND " + middle,
                                           "BETWEEN " + middle + " AND 3",
                                           "IN (60, 62, 30, " + middle + ")",
                                           "> 1e300",
                                           "< -1e300",
                                           "<= 62.5",
                                           ">= 62.5",
                                           "= 62.0",
                                           "> 'text'",
                                           "< 'text'",
                                           "> '61'",
                                           "< x'00'",
                                           "IS NULL",
                                           "= NULL",
                                           "> NULL"};
  for (const char* table : {"fault", "tlb_flush", "sample", "syscall", "mm_event", "snapshot"}) {
    for (const std::string& bound : bounds) {
      const auto answer = [&](std::string_view ts) {
        return value(fmt::format("SELECT count(*) FROM {} WHERE {} {}", table, ts, bound));
      };
      EXPECT_EQ(answer("ts"), answer("CAST(ts AS INTEGER)")) << table << " WHERE ts " << bound;
    }
  }
  EXPECT_EQ(value("SELECT count(*) FROM page_alloc WHERE ts BETWEEN 60 AND " + middle), "100003");
  EXPECT_EQ(value("SELECT count(*) FROM fault WHERE ts > '61'"), "150000");
  EXPECT_EQ(value("SELECT count(*) FROM fault WHERE rowid = 7"), "1");
}

// ---- what is refused ----

TEST_F(QueryTest, NamesThePlaceOfAnError) {
  EXPECT_EQ(value("SELECT ts,\n  durr FROM fault"), "SQL:2:3: no such column: durr");
  EXPECT_EQ(value("SELEKT 1"), "SQL:1:1: near \"SELEKT\": syntax error");
  EXPECT_THAT(value("SELECT ("), HasSubstr("incomplete input"));
  EXPECT_EQ(value("  -- nothing\n"), "SQL:1:1: there is no statement in it");
  EXPECT_THAT(value("SELECT 1; SELECT 2"), HasSubstr("SQL:1:11: only one statement"));
  EXPECT_EQ(value("SELECT 1; -- and no more"), "1");
}

TEST_F(QueryTest, OnlyReads) {
  for (const char* sql : {
           "CREATE TABLE t(x)",
           "CREATE TEMP TABLE t(x)",
           "CREATE VIEW v AS SELECT 1",
           "INSERT INTO meta VALUES('a', 'b')",
           "DELETE FROM fault",
           "UPDATE thread SET name = ''",
           "DROP TABLE fault",
           "ATTACH '/tmp/x.db' AS x",
           "VACUUM INTO '/tmp/x.db'",
           "PRAGMA journal_mode=DELETE",
           "PRAGMA temp_store_directory='/tmp'",
           "PRAGMA writable_schema=ON",
           "SELECT load_extension('x')",
           "BEGIN",
           "ANALYZE",
           "CREATE VIRTUAL TABLE t USING fault",
       }) {
    const std::string answer = value(sql);
    EXPECT_TRUE(answer.find("SQL") == 0) << sql << " answered " << answer;
  }
  EXPECT_THAT(value("CREATE TABLE t(x)"), HasSubstr("a recording can only be read"));
  EXPECT_THAT(csv("PRAGMA table_info(phase)"), HasSubstr("start_ts,INTEGER"));
  EXPECT_THAT(csv("EXPLAIN QUERY PLAN SELECT * FROM fault WHERE ts < 5"), HasSubstr("fault"));
}

TEST_F(QueryTest, RefusesWhatIsTooLarge) {
  EXPECT_THAT(value("SELECT length(zeroblob(900000000))"), HasSubstr("too big"));
  EXPECT_THAT(value("SELECT " + std::string(2'000'000, ' ') + "1"), HasSubstr("longer than"));
  std::string deep = "1";
  for (int i = 0; i < 500; ++i) deep.insert(0, 1, '(').append("+1)");
  EXPECT_THAT(value("SELECT " + deep), HasSubstr("SQL"));
}

TEST_F(QueryTest, StopsWhenInterrupted) {
  const std::jthread later([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    engine_->interrupt();
  });
  EXPECT_EQ(value("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                  "SELECT sum(i) FROM n"),
            "SQL: interrupted");
}

TEST_F(QueryTest, StopsWhenNobodyListens) {
  int lines = 0;
  const auto printer =
      make_row_printer(RowFormat::Csv, [&](std::string_view) { return ++lines < 3; });
  EXPECT_TRUE(engine_->run("SELECT * FROM fault", *printer));
  EXPECT_EQ(lines, 3);
}

// ---- printing ----

TEST_F(QueryTest, PrintsCsv) {
  EXPECT_EQ(
      csv("SELECT 'a,b' AS \"x\"\"y\", 'say \"hi\"', NULL, '', 1.5, 2.0, x'00ff', 'two\nlines'"),
      "\"x\"\"y\",\"'say \"\"hi\"\"'\",NULL,'',1.5,2.0,x'00ff',\"'two\nlines'\"\r\n"
      "\"a,b\",\"say \"\"hi\"\"\",,\"\",1.5,2.0,00ff,\"two\nlines\"\r\n");
}

TEST_F(QueryTest, PrintsJson) {
  EXPECT_EQ(printed("SELECT 1 AS a, 'x\"\\' || char(10) AS b, NULL AS c, 2.0 AS a, 9e999 AS d, "
                    "CAST(x'ff' AS TEXT) AS e",
                    RowFormat::Json),
            "[\n {\"a\": 1, \"b\": \"x\\\"\\\\\\n\", \"c\": null, \"a_2\": 2.0, \"d\": null, "
            "\"e\": \"\xef\xbf\xbd\"}\n]\n");
  EXPECT_EQ(printed("SELECT 1 WHERE 0", RowFormat::Json), "[]\n");
  EXPECT_EQ(printed("SELECT 1 AS a UNION SELECT 2", RowFormat::Json),
            "[\n {\"a\": 1},\n {\"a\": 2}\n]\n");
}

TEST_F(QueryTest, PrintsATable) {
  EXPECT_EQ(printed("SELECT 'long name' AS s, 5 AS number, NULL AS n UNION ALL "
                    "SELECT 'µ' || char(27) || '[31m', 123456789, 'x'",
                    RowFormat::Table),
            "s             number  n\n"
            "---------  ---------  ----\n"
            "long name          5  NULL\n"
            "µ\\x1b[31m  123456789  x\n");
}

}  // namespace
}  // namespace ft::recording
